package offload

import (
	"testing"
	"time"
)

// TestTrial: the passes go the way that waits less, whichever that is, and
// change when it does.
func TestTrial(t *testing.T) {
	run := func(tr *trial, passes int, ahead, plain time.Duration) (without float64) {
		n := 0
		for range passes {
			p := pass{need: 10, stall: 10 * ahead}
			if tr.without {
				n, p.stall = n+1, 10*plain
			}
			tr.turn(p)
		}
		return float64(n) / float64(passes)
	}
	const quick, slow = time.Millisecond, 2 * time.Millisecond
	tr := newTrial()
	if got := run(&tr, 3000, quick, slow); got == 0 || got > 0.02 {
		t.Errorf("%.3f of the passes went without where reading ahead is quicker, want few", got)
	}
	if got := run(&tr, 20000, slow, quick); got < 0.7 {
		t.Errorf("%.3f of the passes went without where reading ahead is slower, want most", got)
	}
	if got := run(&tr, 20000, quick, slow); got > 0.3 {
		t.Errorf("%.3f of the passes went without where reading ahead is quicker again, want few", got)
	}
	tr = newTrial()
	if got := run(&tr, 3000, quick, quick); got > 0.02 {
		t.Errorf("%.3f of the passes went without where it is all the same, want few", got)
	}
	tr = newTrial()
	run(&tr, 31, slow, quick)
	if got := run(&tr, 1000, slow, quick); got < 0.7 {
		t.Errorf("%.3f of a thousand passes went without where that is quicker, want most", got)
	}
	// Passes in which nothing had to be read tell nothing.
	tr = newTrial()
	for range 3000 {
		tr.turn(pass{})
	}
	if tr.worse {
		t.Error("a loss was found in nothing")
	}
}
