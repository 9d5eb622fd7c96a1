package path

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// made is the identity of a model that nobody has.
func made(layers, experts, topK, vocab int) Identity {
	id := Identity{Name: "made", Arch: "none", Fingerprint: "0f", TopK: topK, Vocab: vocab}
	for range layers {
		id.Experts = append(id.Experts, experts)
	}
	return id
}

// texts are random tokens, half of them of the first eighth of the vocabulary,
// and what choose says that they choose.
func texts(id Identity, n, length int, choose func(r *rand.Rand, ids []int32, layer, slot int) int32) []Text {
	r := rand.New(rand.NewPCG(5, 6))
	all := make([]Text, n)
	for i := range all {
		t := &all[i]
		t.Chosen = make([][]int32, len(id.Experts))
		for at := range length {
			t.IDs = append(t.IDs, r.Int32N(int32(id.Vocab)/(1+7*int32(r.IntN(2)))))
			for layer, experts := range id.Experts {
				for slot := 0; experts > 0 && slot < id.TopK; slot++ {
					t.Chosen[layer] = append(t.Chosen[layer], choose(r, t.IDs[:at+1], layer, slot))
				}
			}
		}
	}
	return all
}

// byTokens lets the first slot's expert depend on the token, and the second's on
// the token before.
func byTokens(_ *rand.Rand, ids []int32, layer, slot int) int32 {
	at := max(0, len(ids)-1-slot)
	return int32(slot*8) + (ids[at]*7+int32(layer)*3+ids[at]/8)%8
}

func train(t testing.TB, id Identity, texts []Text, o Options) (*Model, *Verdict) {
	t.Helper()
	m, v, err := Train(context.Background(), id, texts, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, v
}

// TestLearns: where the experts follow from the token and the one before it,
// nearly all are named; what is left is the first token of each text, which has
// none before. Where they follow from nothing, popularity is all that there is.
func TestLearns(t *testing.T) {
	id := made(4, 16, 2, 64)
	id.Experts[1] = 0
	_, v := train(t, id, texts(id, 20, 300, byTokens), Options{Epochs: 20})
	for layer, r := range v.Layers {
		if id.Experts[layer] == 0 {
			if r != (Recall{}) {
				t.Errorf("layer %d without experts: %+v", layer, r)
			}
			continue
		}
		if r.Path < 0.95 || r.Shuffled > 0.25 || r.Previous > 0.25 || r.Popular > 0.35 {
			t.Errorf("layer %d: found %+v, want a path above 0.95 and all else far below", layer, r)
		}
	}
	if v.Trained+v.Stopped+v.Judged != 6000 {
		t.Errorf("found %d, %d and %d tokens of 6000", v.Trained, v.Stopped, v.Judged)
	}

	_, v = train(t, id, texts(id, 20, 300, func(r *rand.Rand, _ []int32, _, slot int) int32 {
		return int32(slot*8 + r.IntN(8))
	}), Options{Epochs: 20})
	for layer, r := range v.Layers {
		if r.Path > 0.25 {
			t.Errorf("layer %d: foretold %v of what is random", layer, r.Path)
		}
	}
}

// TestLearnsFromChoices: experts that stay for a while are foretold from what
// was chosen, also of tokens that were never seen.
func TestLearnsFromChoices(t *testing.T) {
	id := made(3, 16, 2, 1<<20)
	at, now := 0, [3][2]int32{}
	all := texts(id, 20, 300, func(r *rand.Rand, _ []int32, layer, slot int) int32 {
		if at++; r.IntN(12) == 0 || at < 7 {
			now[layer][slot] = int32(slot*8 + r.IntN(8))
		}
		return now[layer][slot]
	})
	m, v := train(t, id, all, Options{Epochs: 20})
	for layer, r := range v.Layers {
		if r.Path < r.Previous-0.01 || r.Path < 0.8 || r.Shuffled > 0.3 {
			t.Errorf("layer %d: found %+v, want no less than the choices of the token before", layer, r)
		}
	}
	if m.Known() > 40 {
		t.Errorf("%d tokens have rows of their own in a text of all different ones", m.Known())
	}
}

// TestUnknownChoices: tokens whose choices are unknown neither teach nor count.
func TestUnknownChoices(t *testing.T) {
	id := made(2, 16, 2, 64)
	all := texts(id, 20, 300, byTokens)
	for i := range all {
		for j := range all[i].Chosen[1] {
			if j/2%3 > 0 {
				all[i].Chosen[1][j] = -1
			}
		}
	}
	_, v := train(t, id, all, Options{Epochs: 20})
	if r := v.Layers[1]; r.Path < 0.9 || math.IsNaN(v.Loss) {
		t.Errorf("found %+v and a loss of %v", r, v.Loss)
	}
}

// TestRepeats: a training gives the same bits with any number of threads.
func TestRepeats(t *testing.T) {
	id := made(3, 16, 2, 64)
	all := texts(id, 3, 400, byTokens)
	var first []byte
	for _, threads := range []int{1, 3} {
		m, _ := train(t, id, all, Options{Epochs: 3, Threads: threads})
		var b bytes.Buffer
		if err := m.Write(&b); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		}
		if !bytes.Equal(first, b.Bytes()) {
			t.Errorf("%d threads give another model", threads)
		}
	}
}

// TestGradient compares what a step would change with differences of the loss.
func TestGradient(t *testing.T) {
	id := made(3, 8, 2, 16)
	id.Experts[1] = 0
	all := texts(id, 1, 40, func(r *rand.Rand, _ []int32, _, slot int) int32 { return int32(slot*4 + r.IntN(4)) })
	spans := []span{{text: &all[0], from: 30, to: 40}}
	tr := newTraining(id, []span{{text: &all[0], to: 40}}, nil, Options{Width: 5, Threads: 1})
	m := tr.model
	r := rand.New(rand.NewPCG(1, 1))
	for i := range m.params {
		m.params[i] += float32(r.NormFloat64() * 0.3)
	}
	// The average of a Session goes back without end: in forty tokens that is
	// what training sees too.
	samples := tr.samples[:0]
	for i := range tr.samples {
		if tr.samples[i].at >= 30 {
			samples = append(samples, tr.samples[i])
		}
	}
	tr.adam.grad = make([]float32, len(m.params))
	b := newBatch(m, tr.adam, 0, 1)
	before := slices.Clone(m.params)
	tr.adam.rate = 0
	tr.adam.mean, tr.adam.square = make([]float32, len(before)), make([]float32, len(before))
	b.learn(samples)
	grad := tr.adam.mean // of one step: (1-beta1) of the gradient
	for i := range m.params {
		const step = 2e-3
		m.params[i] = before[i] + step
		up := loss(m, spans, 1)
		m.params[i] = before[i] - step
		down := loss(m, spans, 1)
		m.params[i] = before[i]
		want, got := (up-down)/(2*step), float64(grad[i])/(1-beta1)
		if math.Abs(got-want) > 0.02+0.03*math.Abs(want) {
			t.Errorf("param %d: found gradient %v, want %v", i, got, want)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	id := made(2, 16, 2, 64)
	good := func() []Text { return texts(id, 3, 200, byTokens) }
	train := func(id Identity, texts []Text, o Options) error {
		_, _, err := Train(context.Background(), id, texts, o)
		return err
	}
	if err := train(id, good(), Options{Epochs: 1}); err != nil {
		t.Fatal(err)
	}
	if err := train(id, good()[:1], Options{}); !errors.Is(err, ErrTooLittle) {
		t.Errorf("of 200 tokens: found error %v, want %v", err, ErrTooLittle)
	}
	if err := train(id, nil, Options{}); !errors.Is(err, ErrTooLittle) {
		t.Errorf("of nothing: found error %v, want %v", err, ErrTooLittle)
	}
	for name, change := range map[string]func(id *Identity, t []Text, o *Options){
		"a token beyond the vocabulary": func(_ *Identity, t []Text, _ *Options) { t[1].IDs[3] = 64 },
		"a negative token":              func(_ *Identity, t []Text, _ *Options) { t[1].IDs[3] = -1 },
		"an expert too many":            func(_ *Identity, t []Text, _ *Options) { t[1].Chosen[1][3] = 16 },
		"a choice too few":              func(_ *Identity, t []Text, _ *Options) { t[1].Chosen[1] = t[1].Chosen[1][1:] },
		"a layer too few":               func(_ *Identity, t []Text, _ *Options) { t[2].Chosen = t[2].Chosen[:1] },
		"no experts":                    func(id *Identity, _ []Text, _ *Options) { id.Experts = []int{0, 0} },
		"no layers":                     func(id *Identity, _ []Text, _ *Options) { id.Experts = nil },
		"a choice of none":              func(id *Identity, _ []Text, _ *Options) { id.TopK = 0 },
		"fewer experts than chosen":     func(id *Identity, _ []Text, _ *Options) { id.TopK = 17 },
		"width":                         func(_ *Identity, _ []Text, o *Options) { o.Width = 257 },
		"epochs":                        func(_ *Identity, _ []Text, o *Options) { o.Epochs = -1 },
	} {
		id, texts, o := made(2, 16, 2, 64), good(), Options{Epochs: 1}
		change(&id, texts, &o)
		if err := train(id, texts, o); err == nil || errors.Is(err, ErrTooLittle) {
			t.Errorf("%s: found error %v", name, err)
		}
	}
}

// TestCancel: a training ends when it is told to.
func TestCancel(t *testing.T) {
	id := made(2, 16, 2, 64)
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	o := Options{Progress: func(p Progress) {
		if steps++; steps == 5 {
			cancel()
		}
	}}
	if _, _, err := Train(ctx, id, texts(id, 3, 200, byTokens), o); !errors.Is(err, context.Canceled) || steps != 5 {
		t.Errorf("found error %v after %d steps, want the end after 5", err, steps)
	}
}
