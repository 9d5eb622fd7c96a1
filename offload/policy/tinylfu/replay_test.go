package tinylfu

import (
	"math/rand/v2"
	"testing"

	"moed/offload/policy"
)

// walk visits the layers in turn, each wanting some of its experts, low ones
// more often.
func walk(s policy.Shape, n int) (steps []policy.Step) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		a := int32(rng.IntN(s.Experts) * rng.IntN(s.Experts) / s.Experts)
		steps = append(steps, policy.Step{Layer: i % s.Layers, Experts: []int32{a, (a + 1) % int32(s.Experts)}, Tokens: 1, Decode: i >= n/4})
	}
	return steps
}

func TestReplay(t *testing.T) {
	s := policy.Shape{Layers: 4, Experts: 16}
	steps := walk(s, 2000)
	for _, tc := range []struct {
		name  string
		bytes int64
		hits  func(hits, wanted int) bool
	}{
		{"not one expert fits", 9, func(hits, _ int) bool { return hits == 0 }},
		{"half fits", 320, func(hits, wanted int) bool { return hits > wanted/5 && hits < wanted }},
		{"all fits", 640, func(hits, wanted int) bool { return hits >= wanted-s.Layers*s.Experts }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Replay(steps, s, policy.Cache{Bytes: tc.bytes, Size: []int64{10, 10, 10, 10}})
			if err != nil {
				t.Fatal(err)
			}
			if d := got.Decode; d.Wanted != 3000 || got.Prefill.Wanted != 1000 || !tc.hits(d.Hits, d.Wanted) {
				t.Errorf("found %+v, then %+v", got.Prefill, d)
			}
			if d := got.Decode; d.Missed != int64(d.Wanted-d.Hits)*10 {
				t.Errorf("found %+v, want 10 bytes a miss", d)
			}
			sum := 0
			for _, l := range got.Layers {
				sum += l.Hits
			}
			if sum != got.Decode.Hits {
				t.Errorf("layers hit %d, decode %d", sum, got.Decode.Hits)
			}
		})
	}
}

func TestReplayRefuses(t *testing.T) {
	s, size := policy.Shape{Layers: 1, Experts: 2}, []int64{1}
	for _, tc := range []struct {
		name  string
		steps []policy.Step
		cache policy.Cache
	}{
		{"nothing", nil, policy.Cache{Size: size}},
		{"slots", nil, policy.Cache{Slots: 1, Bytes: 1, Size: size}},
		{"per layer", nil, policy.Cache{Bytes: 1, Size: size, PerLayer: true}},
		{"sizes", nil, policy.Cache{Bytes: 1}},
		{"layer", []policy.Step{{Layer: 1}}, policy.Cache{Bytes: 1, Size: size}},
		{"expert", []policy.Step{{Experts: []int32{2}}}, policy.Cache{Bytes: 1, Size: size}},
		{"negative expert", []policy.Step{{Experts: []int32{-1}}}, policy.Cache{Bytes: 1, Size: size}},
	} {
		if _, err := Replay(tc.steps, s, tc.cache); err == nil {
			t.Errorf("%s: no error", tc.name)
		}
	}
}
