package flashio

import (
	"testing"
	"time"
)

// TestHistogram: a quantile is not below what it stands for, nor above it by
// more than a quarter.
func TestHistogram(t *testing.T) {
	if (&Histogram{}).Quantile(0.5) != 0 || (&Histogram{}).Mean() != 0 {
		t.Error("an empty histogram has a quantile or a mean")
	}
	for us := time.Duration(1); us < 1e9; us += 1 + us/7 {
		d := us * time.Microsecond
		var h Histogram
		h.add(d)
		if got := h.Quantile(1); got <= d || got > d+d/4+time.Microsecond {
			t.Fatalf("%v is counted as at most %v", d, got)
		}
	}
	var h, other Histogram
	for i := range 90 {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for range 10 {
		other.add(time.Second)
	}
	other.add(-time.Second) // a clock that was set
	h.merge(&other)
	if h.Count != 101 || h.Quantile(0.5) > 70*time.Microsecond || h.Quantile(0.99) < time.Second || h.Quantile(0) == 0 {
		t.Errorf("%d counted, half under %v, almost all under %v", h.Count, h.Quantile(0.5), h.Quantile(0.99))
	}
}

func TestBandwidth(t *testing.T) {
	s := Stats{Bytes: 3e9, Busy: 2 * time.Second}
	if got := s.Bandwidth(); got != 1.5e9 {
		t.Errorf("bandwidth %v, want 1.5e9", got)
	}
	if got := new(Stats).Bandwidth(); got != 0 {
		t.Errorf("bandwidth of nothing is %v", got)
	}
}
