package policy_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"moed/offload/policy"
)

func TestNew(t *testing.T) {
	shape := policy.Shape{Layers: 4, Experts: 8}
	for _, name := range append(policy.Names(), "") {
		mustNew(t, name, shape)
	}
	if got := policy.Names()[0]; got != policy.Default {
		t.Errorf("the first name is %q, want %q", got, policy.Default)
	}
	for _, c := range []struct {
		name  string
		shape policy.Shape
		want  string
	}{
		{"mru", shape, `found "mru", want one of ` + strings.Join(policy.Names(), ", ")},
		{"", policy.Shape{Experts: 8}, "found 0 layers of 8 experts"},
		{"", policy.Shape{Layers: 8}, "found 8 layers of 0 experts"},
		{"", policy.Shape{Layers: -1, Experts: -1}, "found -1 layers"},
		{"", policy.Shape{Layers: 1 << 40, Experts: 1 << 40}, "want 1 to"},
	} {
		if _, err := policy.New(c.name, c.shape); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q of %+v: found %v, want %q", c.name, c.shape, err, c.want)
		}
	}
}

// TestManyExperts: beyond any model the pairs are not counted, and the rest goes on.
func TestManyExperts(t *testing.T) {
	p := mustNew(t, "", policy.Shape{Layers: 2, Experts: 1 << 20})
	p.Visit(&policy.Visit{Layer: 0, Experts: []int32{3, 1 << 19}, Tokens: 1})
	p.Visit(&policy.Visit{Layer: 0, Experts: []int32{4, 1 << 19}, Tokens: 1})
	if used, not := p.Distance(0, 0, 1<<19), p.Distance(0, 0, 5); !(used < not) {
		t.Errorf("a used expert is %v away, another %v", used, not)
	}
}

// FuzzPolicy visits with whatever comes, within the shape or not: distances stay
// finite and not negative, and two policies that saw the same say the same.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 1, 1, 0, 7, 2, 3, 1, 5})
	f.Add([]byte{255, 255, 255, 0, 128, 9, 3, 3, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		shape := policy.Shape{Layers: 3, Experts: 5}
		for _, name := range policy.Names() {
			p, twin := mustNew(t, name, shape), mustNew(t, name, shape)
			rest := script
			for len(rest) >= 4 {
				layer, tokens, n := int(int8(rest[0]))%5, int(int8(rest[1])), int(rest[2])%6
				var experts, counts []int32
				for i := 3; i < len(rest) && i < 3+n; i++ {
					experts = append(experts, int32(int8(rest[i]))%7)
					counts = append(counts, int32(int8(rest[i]))*int32(tokens))
				}
				if rest[2] > 127 {
					counts = nil
				}
				rest = rest[min(len(rest), 3+n):]
				p.Visit(&policy.Visit{Layer: layer, Experts: experts, Counts: counts, Tokens: tokens})
				twin.Visit(&policy.Visit{Layer: layer, Experts: experts, Counts: counts, Tokens: tokens})
				sound(t, name, p, twin, layer)
			}
		}
	})
}

func sound(t *testing.T, name string, p, twin policy.Policy, now int) {
	t.Helper()
	for layer := -1; layer < 4; layer++ {
		for e := -1; e < 6; e++ {
			d := p.Distance(now, layer, e)
			if !(d >= 0) || d > math.MaxFloat32 {
				t.Fatalf("%s: expert %d/%d is %v away", name, layer, e, d)
			}
			if same := twin.Distance(now, layer, e); same != d {
				t.Fatalf("%s: expert %d/%d is %v away, or %v", name, layer, e, d, same)
			}
		}
	}
}

// TestLongRun: counts that are halved before they overflow keep what they say.
func TestLongRun(t *testing.T) {
	shape := policy.Shape{Layers: 1, Experts: 6}
	for _, name := range policy.Names() {
		p, twin := mustNew(t, name, shape), mustNew(t, name, shape)
		for i := range 100_000 {
			// Expert 0 or 1 by turns, 2 every fourth time.
			experts := []int32{int32(i % 2)}
			if i%4 == 0 {
				experts = append(experts, 2)
			}
			p.Visit(&policy.Visit{Layer: 0, Experts: experts, Tokens: 1})
			twin.Visit(&policy.Visit{Layer: 0, Experts: experts, Tokens: 1})
		}
		sound(t, name, p, twin, 0)
		if name != policy.Default {
			continue
		}
		// 0 is next, since 1 was the last; 3 never came.
		if zero, one, three := p.Distance(0, 0, 0), p.Distance(0, 0, 1), p.Distance(0, 0, 3); !(zero < one && one < three) {
			t.Errorf("distances %v, %v, %v, want them to rise", zero, one, three)
		}
	}
}

// TestVisitAllocatesNothing, since it runs for every layer of every token.
func TestVisitAllocatesNothing(t *testing.T) {
	shape := policy.Shape{Layers: 3, Experts: 16}
	for _, name := range policy.Names() {
		p := mustNew(t, name, shape)
		layer := 0
		one := &policy.Visit{Experts: []int32{1, 5, 9}, Tokens: 1, Probs: make([]float32, 16)}
		prompt := &policy.Visit{Experts: []int32{2, 3, 5}, Tokens: 10}
		likely := []float32{0.9, 0.5, 0.1}
		if n := testing.AllocsPerRun(100, func() {
			one.Layer, prompt.Layer = layer, layer
			p.Visit(one)
			p.Visit(prompt)
			p.Foresee(layer, one.Experts, likely)
			p.Distance(layer, 1, 1)
			layer = (layer + 1) % 3
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestVictimOfNone(t *testing.T) {
	if got := policy.Victim(mustNew(t, "", policy.Shape{Layers: 1, Experts: 1}), 0, nil); got != -1 {
		t.Errorf("found %d, want -1", got)
	}
}

// warm is a policy that has seen random tokens of a model of Qwen3-30B-A3B's
// shape, and a cache of it.
func warm(b *testing.B, name string) (policy.Policy, []policy.Key) {
	shape := policy.Shape{Layers: 48, Experts: 128}
	p := mustNew(b, name, shape)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		for layer := range shape.Layers {
			p.Visit(&policy.Visit{Layer: layer, Experts: visit(rng), Tokens: 1})
		}
	}
	var held []policy.Key
	for _, cell := range rng.Perm(shape.Layers * shape.Experts)[:2400] {
		held = append(held, policy.Key{Layer: int32(cell / 128), Expert: int32(cell % 128)})
	}
	return p, held
}

func visit(rng *rand.Rand) (experts []int32) {
	for i := range 8 {
		experts = append(experts, int32(16*i+rng.IntN(16)))
	}
	return experts
}

// BenchmarkVictim chooses among 2400 experts.
func BenchmarkVictim(b *testing.B) {
	for _, name := range policy.Names() {
		b.Run(name, func(b *testing.B) {
			p, held := warm(b, name)
			for b.Loop() {
				policy.Victim(p, 7, held)
			}
		})
	}
}

// BenchmarkVisit is one layer of one token.
func BenchmarkVisit(b *testing.B) {
	for _, name := range policy.Names() {
		b.Run(name, func(b *testing.B) {
			p, _ := warm(b, name)
			rng := rand.New(rand.NewPCG(2, 2))
			var visits [64][]int32
			for i := range visits {
				visits[i] = visit(rng)
			}
			i := 0
			for b.Loop() {
				p.Visit(&policy.Visit{Layer: i % 48, Experts: visits[i%64], Tokens: 1})
				i++
			}
		})
	}
}
