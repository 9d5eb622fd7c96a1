package daemon

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDivide(t *testing.T) {
	// In these 100 is the budget; used is the order.
	idle := func(least, most, used int64) claim { return claim{least: least, most: most, used: used} }
	rests := func(least, most, used int64) claim {
		return claim{least: least, most: most, used: used, rests: true}
	}
	busy := func(least, most, used int64) claim { return claim{least: least, most: most, used: used, busy: true} }
	fixed := func(bytes int64) claim { return claim{least: bytes, most: bytes, fixed: true, busy: true} }
	tests := []struct {
		name   string
		claims []claim
		wanted int
		want   []int64 // nil where it is not ok
	}{
		{"nobody", nil, -1, []int64{}},
		{"the first has all", []claim{busy(10, 500, 1)}, 0, []int64{100}},
		{"also where it has little use for it", []claim{busy(10, 20, 1)}, 0, []int64{100}},
		{"one that is busy keeps half", []claim{busy(10, 500, 1), busy(10, 500, 2)}, 1, []int64{50, 50}},
		{"or its least, if that is more", []claim{busy(70, 500, 1), busy(10, 500, 2)}, 1, []int64{70, 30}},
		{"or less, if the other cannot do with half", []claim{busy(10, 500, 1), busy(70, 500, 2)}, 1, []int64{30, 70}},
		{"what one has no use for the other gets", []claim{busy(10, 500, 1), busy(10, 20, 2)}, 1, []int64{80, 20}},
		{"one used lately shares", []claim{idle(10, 500, 1), busy(10, 500, 2)}, 1, []int64{50, 50}},
		{"one that rests keeps its least", []claim{rests(10, 500, 1), busy(10, 500, 2)}, 1, []int64{10, 90}},
		{"and what the others leave", []claim{rests(10, 500, 1), busy(10, 60, 2)}, 1, []int64{40, 60}},
		{"it goes where the wanted one could not have half", []claim{rests(60, 500, 1), busy(10, 500, 2)}, 1, []int64{0, 100}},
		{"but not for more than that has use for", []claim{rests(60, 500, 1), busy(10, 30, 2)}, 1, []int64{70, 30}},
		{"the one used longest ago goes", []claim{rests(30, 500, 2), rests(30, 500, 1), busy(10, 500, 3)}, 2, []int64{30, 0, 70}},
		{"one used lately goes only where it must", []claim{idle(60, 500, 1), busy(10, 500, 2)}, 1, []int64{60, 40}},
		{"as here", []claim{idle(60, 500, 1), busy(50, 500, 2)}, 1, []int64{0, 100}},
		{"and no more of them than must", []claim{idle(40, 500, 1), idle(40, 500, 2), busy(50, 500, 3)}, 2, []int64{0, 50, 50}},
		{"one that is busy never", []claim{busy(60, 500, 1), busy(50, 500, 2)}, 1, nil},
		{"what is spoken for stays", []claim{fixed(30), busy(10, 500, 2)}, 1, []int64{30, 70}},
		{"all rest", []claim{rests(10, 500, 1), rests(10, 500, 2)}, -1, []int64{50, 50}},
		{"the budget was lowered", []claim{idle(60, 500, 1), idle(60, 500, 2)}, -1, []int64{0, 100}},
		{"below what is in use", []claim{busy(60, 500, 1), busy(60, 500, 2)}, -1, nil},
		{"one level", []claim{busy(5, 20, 1), busy(40, 500, 2), busy(10, 500, 3)}, 2, []int64{20, 40, 40}},
		{"more than there can be", []claim{busy(1<<62, 1<<62, 1)}, 0, nil},
	}
	for _, test := range tests {
		got, ok := divide(100, test.claims, test.wanted)
		if ok != (test.want != nil) || !slices.Equal(got, test.want) {
			t.Errorf("%s: found %v %v, want %v", test.name, got, ok, test.want)
		}
	}
}

// TestDivideKeepsTheBudget: whatever the claims, no more is given than there is, none
// gets less than its least, none in use goes, and nothing is left over that
// anybody could have.
func TestDivideKeepsTheBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		total := r.Int64N(1000)
		claims := make([]claim, 1+r.IntN(5))
		inUse := int64(0)
		wanted := r.IntN(len(claims)+1) - 1
		for i := range claims {
			c := &claims[i]
			c.least, c.used, c.busy = r.Int64N(400), int64(r.IntN(10)), r.IntN(2) == 0 || i == wanted
			c.most = c.least + r.Int64N(600)
			c.rests = !c.busy && r.IntN(2) == 0
			if c.fixed = r.IntN(5) == 0; c.fixed {
				c.most = c.least
			}
			if c.busy {
				inUse += c.least
			}
		}
		shares, ok := divide(total, claims, wanted)
		if ok != (inUse <= total) {
			t.Fatalf("%d among %+v: %v", total, claims, ok)
		}
		sum, grows := int64(0), false
		for i, share := range shares {
			c := claims[i]
			sum += share
			grows = grows || !c.fixed && (share > 0 || c.busy)
			if share < c.least && (share != 0 || c.busy) || c.fixed && share > c.least {
				t.Fatalf("%d among %+v: found %v", total, claims, shares)
			}
		}
		if sum > total || ok && grows && sum < total-int64(len(claims)) && !slices.ContainsFunc(claims, func(c claim) bool { return c.fixed }) {
			t.Fatalf("%d among %+v: found %v, which is %d", total, claims, shares, sum)
		}
	}
}
