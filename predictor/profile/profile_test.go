package profile_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"moed/predictor/profile"
)

func small() profile.Model {
	return profile.Model{Fingerprint: "0f", Arch: "made", Experts: []int{0, 4, 4}}
}

func made(t testing.TB, m profile.Model) *profile.Profile {
	t.Helper()
	p, err := profile.New(m, at(0))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// random observes tokens of a random text: low experts are used more.
func random(t testing.TB, m profile.Model, seed uint64, visits int) *profile.Profile {
	p, r := made(t, m), rand.New(rand.NewPCG(seed, 1))
	for range visits {
		for layer, n := range m.Experts {
			if n == 0 {
				continue
			}
			probs := make([]float32, n)
			for e := range probs {
				probs[e] = r.Float32() / float32(n)
			}
			p.Observe(layer, 1, []int32{int32(r.IntN(1 + r.IntN(n)))}, nil, probs)
		}
	}
	p.Sessions = 1
	return p
}

func at(days int) time.Time { return time.Unix(1_700_000_000, 0).UTC().AddDate(0, 0, days) }

// near compares what two profiles say of every layer.
func near(t *testing.T, what string, a, b *profile.Profile) {
	t.Helper()
	if math.Abs(a.Tokens()-b.Tokens()) > 1e-6*(a.Tokens()+b.Tokens()) || a.Sessions != b.Sessions || a.Seen != b.Seen || !a.Updated.Equal(b.Updated) {
		t.Errorf("%s: %v tokens, %d sessions, %d seen at %v and %v, %d, %d at %v", what,
			a.Tokens(), a.Sessions, a.Seen, a.Updated, b.Tokens(), b.Sessions, b.Seen, b.Updated)
	}
	for layer := range a.Model().Experts {
		x, y := a.Share(nil, layer), b.Share(nil, layer)
		if !slices.EqualFunc(x, y, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-6 }) {
			t.Errorf("%s: layer %d: %v and %v", what, layer, x, y)
		}
	}
}

func TestShare(t *testing.T) {
	p := made(t, small())
	if got := p.Share(nil, 1); got != nil {
		t.Errorf("a layer that nobody has seen: %v", got)
	}
	p.Observe(1, 4, []int32{0, 2}, []int32{4, 1}, nil)
	if got, want := p.Share(nil, 1), []float32{1, 0, 0.25, 0}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	// The router's probabilities tell 1 and 3 apart, and the sum stays.
	p.Observe(2, 1, []int32{0}, nil, []float32{0.5, 0.3, 0.1, 0.1})
	got := p.Share(nil, 2)
	sum := got[0] + got[1] + got[2] + got[3]
	if !(got[0] > got[1] && got[1] > got[2] && got[2] > 0 && got[2] == got[3]) || math.Abs(float64(sum-1)) > 1e-6 {
		t.Errorf("found %v with a sum of %v, want falling values with a sum of 1", got, sum)
	}
	if p.Seen != 4 {
		t.Errorf("%d tokens seen, want the 4 of the first layer with experts", p.Seen)
	}
}

// TestObserveOdd: what no model does leaves no trace and ends nothing.
func TestObserveOdd(t *testing.T) {
	p, nan := made(t, small()), float32(math.NaN())
	p.Observe(-1, 1, []int32{0}, nil, nil)
	p.Observe(3, 1, []int32{0}, nil, nil)
	p.Observe(0, 1, []int32{0}, nil, nil)
	p.Observe(1, 0, []int32{0}, nil, nil)
	if got := p.Share(nil, 1); got != nil || p.Seen != 0 {
		t.Errorf("found %v and %d seen", got, p.Seen)
	}
	p.Observe(1, 1, []int32{-1, 4, 1, 2}, []int32{1, 1, 7, -3}, []float32{nan, 2, -1, nan})
	if got, want := p.Share(nil, 1), []float32{0, 1, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	p.Observe(1, math.MaxInt32, nil, nil, nil)
	if s := p.Share(nil, 1); math.IsNaN(float64(s[1])) {
		t.Errorf("found %v after a batch of no end", s)
	}
}

// TestHalfLife: a use counts half after HalfLife tokens more, in one run and
// across them, and after HalfAge.
func TestHalfLife(t *testing.T) {
	p := made(t, small())
	p.Observe(1, 1000, []int32{0}, []int32{1000}, nil)
	before := p.Tokens()
	for range profile.HalfLife / 1000 {
		p.Observe(1, 1000, []int32{1}, []int32{1000}, nil)
	}
	s := p.Share(nil, 1)
	// The new ones have decayed on their way to log2(e)·(1-1/2) half-lives.
	want := 1000 * 0.5 / (profile.HalfLife*math.Log2E/2 + 500)
	if got := float64(s[0]); math.Abs(got-want) > 0.02*want {
		t.Errorf("%v of what counts is old, want %v", got, want)
	}
	for name, decay := range map[string]func(p *profile.Profile){
		"tokens elsewhere": func(p *profile.Profile) { p.Forget(profile.HalfLife) },
		"age":              func(p *profile.Profile) { p.Age(at(0).Add(profile.HalfAge)); p.Age(at(0)) },
	} {
		p := made(t, small())
		p.Observe(1, 1000, []int32{0}, nil, nil)
		if decay(p); math.Abs(p.Tokens()-before/2) > 1e-6*before {
			t.Errorf("%s: %v tokens of %v, want half", name, p.Tokens(), before)
		}
	}
}

// TestLongRun: the unit in which a run counts is brought back before it overflows.
func TestLongRun(t *testing.T) {
	p := made(t, small())
	for range 3000 {
		p.Observe(1, profile.HalfLife/4, []int32{0, 3}, []int32{profile.HalfLife / 4, 1}, nil)
	}
	s := p.Share(nil, 1)
	if want := profile.HalfLife / 4 / (1 - math.Exp2(-0.25)); s[0] != 1 || s[3] <= 0 || math.Abs(p.Tokens()-want) > 1e-6*want {
		t.Errorf("found %v of %v tokens, want 1 of %v", s, p.Tokens(), want)
	}
}

// TestMergeOrder: profiles of several runs and times give the same in any order
// and grouping.
func TestMergeOrder(t *testing.T) {
	m := profile.Model{Fingerprint: "m", Experts: []int{16, 0, 16, 7}}
	parts := func() []*profile.Profile {
		var all []*profile.Profile
		for i, day := range []int{3, 40, 0, 11, 0} {
			p := random(t, m, uint64(i), 50*(i+1))
			p.Age(at(day))
			all = append(all, p)
		}
		return all
	}
	merge := func(into *profile.Profile, all ...*profile.Profile) *profile.Profile {
		for _, p := range all {
			if err := into.Merge(p); err != nil {
				t.Fatal(err)
			}
		}
		return into
	}
	a := parts()
	want := merge(made(t, m), a...)
	b := parts()
	slices.Reverse(b)
	near(t, "reversed", want, merge(made(t, m), b...))
	c := parts()
	near(t, "grouped", want, merge(c[3], merge(c[1], c[4], c[0]), c[2]))
	if got := want.Sessions; got != 5 {
		t.Errorf("%d sessions of 5", got)
	}
	if got := want.Updated; !got.Equal(at(40)) {
		t.Errorf("updated %v, want the latest, %v", got, at(40))
	}
}

// TestOtherModel: each part of a model's identity counts.
func TestOtherModel(t *testing.T) {
	for name, other := range map[string]profile.Model{
		"fingerprint": {Fingerprint: "1f", Arch: "made", Experts: []int{0, 4, 4}},
		"arch":        {Fingerprint: "0f", Arch: "found", Experts: []int{0, 4, 4}},
		"layers":      {Fingerprint: "0f", Arch: "made", Experts: []int{0, 4, 4, 4}},
		"experts":     {Fingerprint: "0f", Arch: "made", Experts: []int{0, 4, 8}},
	} {
		p := made(t, small())
		if err := p.Merge(random(t, other, 1, 3)); !errors.Is(err, profile.ErrOtherModel) {
			t.Errorf("%s: found error %v, want %v", name, err, profile.ErrOtherModel)
		}
		if p.Tokens() != 0 || p.Sessions != 0 {
			t.Errorf("%s: %v tokens came over", name, p.Tokens())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, m := range map[string]profile.Model{
		"no fingerprint":   {Experts: []int{1}},
		"no layers":        {Fingerprint: "x"},
		"negative experts": {Fingerprint: "x", Experts: []int{-1}},
		"too many experts": {Fingerprint: "x", Experts: []int{1 << 19, 1 << 19, 1}},
		"too many layers":  {Fingerprint: "x", Experts: make([]int, 5000)},
	} {
		if _, err := profile.New(m, at(0)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOrder(t *testing.T) {
	p := made(t, profile.Model{Fingerprint: "x", Experts: []int{2, 3, 2, 1}})
	p.Observe(0, 2000, []int32{0, 1}, []int32{1, 1000}, nil) // the first is used too little
	p.Observe(1, 2000, []int32{0, 1, 2}, []int32{400, 2000, 400}, nil)
	p.Observe(2, 2000, []int32{1}, []int32{1800}, nil)
	p.Observe(3, 2000, []int32{0}, []int32{2000}, nil) // of no bytes
	got := p.Order([]int64{1000, 1000, 4000, 0})
	want := []profile.Place{{1, 1}, {0, 1}, {2, 1}, {1, 0}, {1, 2}}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := p.Order(nil); len(got) != 0 {
		t.Errorf("with nothing known of bytes: %v", got)
	}
}

// TestObserveAllocates: Observe is called for each layer of each token.
func TestObserveAllocates(t *testing.T) {
	p, experts, probs := made(t, small()), []int32{1, 3}, make([]float32, 4)
	if n := testing.AllocsPerRun(100, func() { p.Observe(1, 1, experts, nil, probs) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	p := made(b, profile.Model{Fingerprint: "x", Experts: []int{128}})
	experts, probs := []int32{1, 3, 17, 33, 48, 77, 100, 120}, make([]float32, 128)
	for e := range probs {
		probs[e] = 1.0 / 128
	}
	for b.Loop() {
		p.Observe(0, 1, experts, nil, probs)
	}
}
