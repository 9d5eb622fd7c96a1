package budget_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"moed/offload/budget"
)

// slots is an owner of experts that gives way in whole slots, down to one.
type slots struct {
	account *budget.Account
	slot    int64
	live    atomic.Int64
	asked   atomic.Int64 // times
	most    atomic.Int64 // bytes
}

func newSlots(t *testing.T, a *budget.Account, slot, live int64) *slots {
	t.Helper()
	s := &slots{account: a, slot: slot}
	if err := a.Admit(budget.Experts, slot*live); err != nil {
		t.Fatal(err)
	}
	s.live.Store(live)
	a.OnShort(slot, s.giveWay)
	return s
}

func (s *slots) giveWay(bytes int64) int64 {
	s.asked.Add(1)
	s.most.Store(max(s.most.Load(), bytes)) // one call at a time
	freed := int64(0)
	for freed < bytes && s.live.Load() > 1 {
		s.live.Add(-1)
		freed += s.slot
	}
	return freed
}

// grow takes back what slots fit.
func (s *slots) grow() {
	got := s.account.AdmitUpTo(budget.Experts, 3*s.slot)
	s.live.Add(got / s.slot)
	s.account.Release(budget.Experts, got%s.slot)
}

func TestAccountGivesWay(t *testing.T) {
	a := budget.NewAccount(1000)
	if err := a.Admit(budget.Dense, 300); err != nil {
		t.Fatal(err)
	}
	s := newSlots(t, a, 70, 10)
	if room := a.Usage().Room(); room != 0 {
		t.Fatalf("room %d, want 0", room)
	}
	if err := a.Admit(budget.KV, 100); err != nil {
		t.Fatal(err)
	}
	if u := a.Usage(); s.live.Load() != 8 || u.Parts[budget.Experts] != 560 || u.Room() != 40 {
		t.Errorf("%d slots, %+v", s.live.Load(), u)
	}
	if err := a.Admit(budget.KV, 40); err != nil || s.asked.Load() != 1 {
		t.Errorf("what there was room for: %v, asked %d times", err, s.asked.Load())
	}
	a.Release(budget.KV, 140)
	if got := a.AdmitUpTo(budget.Experts, 1000); got != 140 {
		t.Errorf("experts grow back by %d, want 140", got)
	}
}

func TestAccountRefuses(t *testing.T) {
	a := budget.NewAccount(8e9)
	if err := a.Admit(budget.Dense, 1e9); err != nil {
		t.Fatal(err)
	}
	s := newSlots(t, a, 1e6, 6000)
	for _, bytes := range []int64{7e9, math.MaxInt64} {
		err := a.Admit(budget.KV, bytes) // 1 GB of room and 6 of experts but for one
		var full *budget.Full
		if !errors.As(err, &full) || full.Part != budget.KV || full.Bytes != bytes || full.Room() != 1e9 {
			t.Fatalf("error %v", err)
		}
	}
	want := "KV cache cannot have 7.00 GB more inside the memory budget of 8.00 GB, which holds dense weights 1.00 GB, experts 6.00 GB: use a shorter context, end other sessions, or raise --memory"
	if err := a.Admit(budget.KV, 7e9); err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if s.asked.Load() != 0 {
		t.Error("experts were thrown out for what does not fit all the same")
	}
	if err := a.Admit(budget.Experts, 1e9+1); err == nil || s.asked.Load() != 0 {
		t.Errorf("experts beyond the budget: %v, asked %d times", err, s.asked.Load())
	}
	a.OnShort(0, func(int64) int64 { return 0 })
	if err := a.Admit(budget.KV, 1e9+1); err == nil {
		t.Error("admitted, though nobody gave way")
	}
	a.OnShort(0, nil)
	if err := a.Admit(budget.KV, 1e9+1); err == nil {
		t.Error("admitted, though nobody is there to give way")
	}
	if err := a.Admit(budget.KV, 1e9); err != nil {
		t.Error(err)
	}
}

// An owner that frees less than it was asked for is asked again.
func TestAccountGivesWayInSteps(t *testing.T) {
	a := budget.NewAccount(100)
	if err := a.Admit(budget.Experts, 100); err != nil {
		t.Fatal(err)
	}
	var asked []int64
	a.OnShort(0, func(bytes int64) int64 {
		asked = append(asked, bytes)
		return min(bytes, 20)
	})
	if err := a.Admit(budget.Scratch, 50); err != nil || len(asked) != 3 || asked[2] != 10 {
		t.Errorf("%v, asked for %v", err, asked)
	}
}

func TestAccountResize(t *testing.T) {
	a := budget.NewAccount(1000)
	if err := a.Admit(budget.Dense, 300); err != nil {
		t.Fatal(err)
	}
	s := newSlots(t, a, 70, 10)
	if over := a.Resize(600); over != 0 || s.live.Load() != 4 {
		t.Errorf("over by %d with %d slots, want 4", over, s.live.Load())
	}
	s.most.Store(0)
	if over := a.Resize(200); over != 170 || a.Over() != 170 || s.live.Load() != 1 {
		t.Errorf("over by %d, %d with %d slots, want 170 with the last", over, a.Over(), s.live.Load())
	}
	if s.most.Load() != 3*70 {
		t.Errorf("%d bytes were asked for, of 3 slots to spare", s.most.Load())
	}
	if err := a.Admit(budget.Heap, 1); err == nil {
		t.Error("admitted into a budget that is overdrawn")
	}
	if err := a.Admit(budget.Heap, math.MaxInt64); err == nil {
		t.Error("admitted all there is into a budget that is overdrawn")
	}
	if got := a.AdmitUpTo(budget.Experts, 10); got != 0 {
		t.Errorf("experts grew by %d in a budget that is overdrawn", got)
	}
	if over := a.Resize(1000); over != 0 || a.Usage().Room() != 630 {
		t.Errorf("over by %d, room %d", over, a.Usage().Room())
	}
	if over := a.Resize(-5); over != 370 {
		t.Errorf("a budget below nothing is over by %d, want all 370", over)
	}
}

func TestAccountPanics(t *testing.T) {
	for name, f := range map[string]func(a *budget.Account){
		"released twice":    func(a *budget.Account) { a.Release(budget.KV, 1) },
		"negative admitted": func(a *budget.Account) { a.Admit(budget.KV, -1) },
		"negative released": func(a *budget.Account) { a.Release(budget.KV, -1) },
		"freed too much":    func(a *budget.Account) { a.OnShort(0, func(int64) int64 { return 11 }); a.Admit(budget.KV, 5) },
	} {
		t.Run(name, func(t *testing.T) {
			a := budget.NewAccount(10)
			if err := a.Admit(budget.Experts, 10); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
				a.Usage() // no lock was left behind
				a.OnShort(0, nil)
			}()
			f(a)
		})
	}
}

// Sessions grow and end, experts give way and grow back, all at once: never is
// more used than the budget has, and at the end it is as at the beginning.
func TestAccountConcurrently(t *testing.T) {
	const total = 100_000
	a := budget.NewAccount(total)
	s := newSlots(t, a, 700, 100)
	var wg sync.WaitGroup
	var refused atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 5))
			part := []budget.Part{budget.KV, budget.Scratch, budget.Heap}[i%3]
			mine := int64(0)
			for range 3000 {
				switch n := r.Int64N(8000); {
				case r.IntN(10) == 0:
					s.grow()
				case r.IntN(3) == 0:
					n = min(n, mine)
					mine -= n
					a.Release(part, n)
				case a.Admit(part, n) == nil:
					mine += n
				default:
					refused.Add(1)
					a.Release(part, mine)
					mine = 0
				}
				if u := a.Usage(); u.Room() < 0 || u.Parts[budget.Experts] < s.slot {
					t.Errorf("%+v", u)
					return
				}
			}
			a.Release(part, mine)
		})
	}
	wg.Wait()
	if u := a.Usage(); u.Used() != s.live.Load()*s.slot || u.Used() != u.Parts[budget.Experts] {
		t.Errorf("%d slots are left, the account has %+v", s.live.Load(), u)
	}
	if refused.Load() == 0 || s.asked.Load() == 0 {
		t.Errorf("%d refused, asked %d times: too little went on", refused.Load(), s.asked.Load())
	}
}

// A budget that is lowered and raised while others admit ends up as it should.
func TestAccountResizeConcurrently(t *testing.T) {
	a := budget.NewAccount(100_000)
	s := newSlots(t, a, 700, 100)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 6))
			for range 2000 {
				if n := r.Int64N(5000); a.Admit(budget.KV, n) == nil {
					a.Release(budget.KV, n)
				}
				s.grow()
			}
		})
	}
	wg.Go(func() {
		for i := range 500 {
			a.Resize(50_000 + int64(i%2)*50_000)
		}
		a.Resize(40_000)
	})
	wg.Wait()
	if u := a.Usage(); u.Room() < 0 || u.Total != 40_000 || u.Parts[budget.KV] != 0 {
		t.Errorf("%+v", u)
	}
}
