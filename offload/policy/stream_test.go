package policy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"moed/moe/moetest"
	"moed/offload/policy"
)

// stream is a run to replay.
type stream struct {
	name  string
	shape policy.Shape
	size  []int64
	steps []policy.Step
}

const prompt = 28 // tokens of the recorded trace that are its prompt

// recorded is the trace of Qwen3-30B-A3B: the prompt as one batch per layer,
// then token by token. The last layer saw only the last token of the prompt.
func recorded(t testing.TB) *stream {
	t.Helper()
	text, err := os.ReadFile("../../testdata/traces/qwen3-30b-a3b.route.csv")
	if err != nil {
		t.Fatal(err)
	}
	trace, err := moetest.ReadTrace(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{name: "qwen3-30b-a3b", shape: policy.Shape{Layers: trace.Layers, Experts: trace.Experts}}
	for line := range strings.Lines(string(text)) {
		var layer int
		var bytes int64
		if n, _ := fmt.Sscanf(line, "# layer=%d expert_bytes=%d", &layer, &bytes); n == 2 {
			s.size = append(s.size, bytes)
		}
	}
	for layer := range trace.Layers {
		first := 0
		if layer == trace.Layers-1 {
			first = prompt - 1
		}
		s.steps = append(s.steps, batch(layer, trace.Positions[first:prompt]))
	}
	for i := prompt; i < len(trace.Positions); i++ {
		for layer := range trace.Layers {
			step := batch(layer, trace.Positions[i:i+1])
			step.Decode = true
			s.steps = append(s.steps, step)
		}
	}
	return s
}

// batch is the visit of a layer by several positions. An expert's place is that
// of its last touch.
func batch(layer int, positions [][][]moetest.Pick) policy.Step {
	step := policy.Step{Layer: layer, Tokens: len(positions)}
	counts := map[int32]int32{}
	for _, position := range positions {
		for _, pick := range position[layer] {
			counts[int32(pick.Expert)]++
		}
	}
	seen := map[int32]bool{}
	for i := len(positions) - 1; i >= 0; i-- {
		picks := positions[i][layer]
		for j := len(picks) - 1; j >= 0; j-- {
			e := int32(picks[j].Expert)
			if !seen[e] {
				seen[e] = true
				step.Experts = append([]int32{e}, step.Experts...)
				step.Counts = append([]int32{counts[e]}, step.Counts...)
			}
		}
	}
	return step
}

// habit describes a made stream: how uneven the experts' popularity is, how
// many of the previous token's experts a token keeps, and after how many tokens
// the subject changes, a quarter of the experts changing places in popularity.
type habit struct {
	seed         uint64
	zipf, keep   float64
	change       int
	layers, topK int
}

const madeExperts = 64

// made is a stream of 160 tokens, the first 16 of which count as prompt.
func made(h habit) *stream {
	rng := rand.New(rand.NewPCG(h.seed, 1))
	s := &stream{name: fmt.Sprintf("seed %d zipf %.1f keep %.2f change %d", h.seed, h.zipf, h.keep, h.change)}
	s.shape = policy.Shape{Layers: h.layers, Experts: madeExperts}
	popular := make([][]int, h.layers)
	for l := range popular {
		popular[l] = rng.Perm(madeExperts)
		s.size = append(s.size, 1<<20)
	}
	previous := make([][]int32, h.layers)
	for token := range 160 {
		for l := range h.layers {
			if h.change > 0 && token%h.change == h.change-1 {
				for range madeExperts / 4 {
					i, j := rng.IntN(madeExperts), rng.IntN(madeExperts)
					popular[l][i], popular[l][j] = popular[l][j], popular[l][i]
				}
			}
			previous[l] = choose(rng, h, popular[l], previous[l])
			s.steps = append(s.steps, policy.Step{Layer: l, Experts: previous[l], Tokens: 1, Decode: token >= 16})
		}
	}
	return s
}

func choose(rng *rand.Rand, h habit, popular []int, previous []int32) []int32 {
	var chosen []int32
	has := map[int32]bool{}
	for _, e := range previous {
		if rng.Float64() < h.keep {
			has[e] = true
			chosen = append(chosen, e)
		}
	}
	for len(chosen) < h.topK {
		// The inverse of the continuous law of density x^-zipf on [1, madeExperts+1).
		u := rng.Float64()
		x := math.Pow(madeExperts+1, u)
		if a := 1 - h.zipf; math.Abs(a) > 1e-9 {
			x = math.Pow(1+u*(math.Pow(madeExperts+1, a)-1), 1/a)
		}
		e := int32(popular[min(int(x)-1, madeExperts-1)])
		if !has[e] {
			has[e] = true
			chosen = append(chosen, e)
		}
	}
	return chosen
}

func mustNew(t testing.TB, name string, s policy.Shape) policy.Policy {
	t.Helper()
	p, err := policy.New(name, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// replay replays a stream under a policy, or under Belady's for "belady".
func replay(t testing.TB, s *stream, name string, c policy.Cache) policy.Result {
	t.Helper()
	c.Size = s.size
	var r policy.Result
	var err error
	if name == "belady" {
		r, err = policy.Belady(s.steps, s.shape, c)
	} else {
		r, err = policy.Replay(s.steps, s.shape, mustNew(t, name, s.shape), c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
