package offload

import (
	"testing"
	"time"

	"moed/predictor/cost"
)

// walk takes a layer through visits with one outcome, each asked about where
// the ledger says so, and returns the share of them that was.
func walk(l *ledger, visits int, asking time.Duration, o outcome) float64 {
	asked := 0
	for range visits {
		this := outcome{missed: o.missed + o.useful, bytes: o.bytes}
		if l.asks(0) {
			l.asked(0, asking)
			asked, this = asked+1, o
		}
		l.visit(0, this)
	}
	return float64(asked) / float64(visits)
}

// TestLedger: asking goes on where it pays, ends where it does not, is tried
// again now and then, and comes back when it would pay again.
func TestLedger(t *testing.T) {
	const mb = 1 << 20
	read := time.Duration(float64(3*mb) / firstRate * float64(time.Second)) // 3 ms
	for _, c := range []struct {
		name        string
		busy        float64
		o           outcome
		least, most float64
	}{
		{"pays", 0, outcome{useful: 1, saved: read, bytes: 3 * mb}, 1, 1},
		{"pays though half is wrong", 0.5, outcome{useful: 1, wrong: 1, saved: read, bytes: 3 * mb}, 1, 1},
		{"nothing is missed", 0, outcome{bytes: 3 * mb}, 0.005, 0.2},
		{"saves nothing", 0, outcome{useful: 1, saved: 0, bytes: 3 * mb}, 0.005, 0.2},
		{"wrong on a busy disk", 1, outcome{useful: 1, wrong: 3, saved: read, bytes: 3 * mb}, 0.005, 0.2},
		{"wrong on an idle disk", 0, outcome{useful: 1, wrong: 3, saved: read, bytes: 3 * mb}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(1)
			l.busy = c.busy
			if got := walk(&l, 4000, 50*time.Microsecond, c.o); got < c.least || got > c.most {
				t.Errorf("%.3f of the visits were asked about, want %.3f to %.3f", got, c.least, c.most)
			}
		})
	}
	l := newLedger(1)
	walk(&l, 4000, 50*time.Microsecond, outcome{bytes: 3 * mb})
	if got := walk(&l, 100, 50*time.Microsecond, outcome{useful: 2, saved: read, bytes: 3 * mb}); got < 0.8 {
		t.Errorf("after a change %.2f of the visits were asked about, want most", got)
	}
}

// TestCap: what is read ahead in a pass is bounded by what passes need.
func TestCap(t *testing.T) {
	l := newLedger(1)
	for range 100 {
		l.turn(pass{took: time.Second, need: 10, bytes: 1000})
	}
	n := 0
	for l.worth(1, 0, 100) {
		l.spent += 100
		if n++; n > 100 {
			t.Fatal("there is no bound")
		}
	}
	if n < 15 || n > 17 {
		t.Errorf("%d reads of 100 bytes where a pass needs 1000, want about half as many again", n)
	}
	l.turn(pass{took: time.Second, need: 10, bytes: 1000})
	if !l.worth(1, 0, 100) {
		t.Error("the next pass has no room of its own")
	}
}

// TestMeasure: the device's rate follows what was seen of it.
func TestMeasure(t *testing.T) {
	l := newLedger(1)
	for range 100 {
		l.measure(3e6, 30*time.Millisecond, 30*time.Millisecond)
	}
	l.measure(1<<40, 0, 0) // nothing can be told from that
	if got, want := l.flash, (cost.Flash{Stream: 1e8, Rate: 1e8}); got.Rate < 0.99*want.Rate || got.Rate > 1.01*want.Rate || got.Stream != got.Rate {
		t.Errorf("found %+v, want %+v", got, want)
	}
}
