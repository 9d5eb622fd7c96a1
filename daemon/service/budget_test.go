package service

import (
	"log/slog"
	"testing"

	"moed/daemon"
)

// TestLimiter follows a budget of 1000 through what the system leaves.
func TestLimiter(t *testing.T) {
	l := limiter{}
	total := int64(1000)
	for i, step := range []struct {
		available, want int64
		changed         int64 // by somebody else, before the look
	}{
		{available: 5000, want: 1000},
		{available: 990, want: 1000}, // noise
		{available: 900, want: 900},
		{available: 500, want: 500},
		{available: 0, want: 500}, // the system says nothing
		{available: 510, want: 500},
		{available: 561, want: 500},
		{available: 562, want: 562},
		{available: 980, want: 980},
		{available: 995, want: 980},
		{available: 1000, want: 1000}, // all that was given is given back
		{available: 4000, want: 1000},
		{available: 4000, want: 3000, changed: 3000}, // by a caller: that counts from now on
		{available: 2000, want: 2000},
		{available: 9000, want: 3000},
		{available: 9000, want: 100, changed: 100},
	} {
		if step.changed > 0 {
			total = step.changed
		}
		if got := l.next(total, step.available); got != step.want {
			t.Fatalf("step %d: %d available, budget %d: %d, want %d", i, step.available, total, got, step.want)
		} else if got != total {
			total, l.set = got, got
		}
	}
}

// TestLimitShelf: a budget beyond what the system has is brought down to it, and a
// caller's that is within it stays.
func TestLimitShelf(t *testing.T) {
	shelf, err := daemon.NewShelf(daemon.ShelfOptions{Engine: daemon.Config{Memory: "900T"}})
	if err != nil {
		t.Fatal(err)
	}
	defer shelf.Close()
	s := &service{shelf: shelf, log: slog.New(slog.DiscardHandler)}
	s.limit()
	total, _ := shelf.Budget()
	if total <= 0 || total >= 100e12 {
		t.Fatalf("the budget is %d", total)
	}
	if s.limiter.want != 900e12 {
		t.Errorf("given were %d", s.limiter.want)
	}
	if err := shelf.Resize("100M"); err != nil {
		t.Fatal(err)
	}
	s.limit()
	if total, _ := shelf.Budget(); total != 100e6 {
		t.Errorf("the caller's budget became %d", total)
	}
}
