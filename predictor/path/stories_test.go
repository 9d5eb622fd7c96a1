package path_test

import (
	"context"
	"testing"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/sample"
	"moed/moe/stories"
	"moed/moe/tokenizer"
	"moed/predictor/path"
)

// openings begin the texts of the built-in model.
func openings() []string {
	return []string{
		"Once upon a time", "One day, a little girl", "Tom and his dog", "There was a big tree", "Lily liked to play",
		"The cat sat", "In the morning", "A boy named Ben", "The old man", "Mom said", "It was a sunny day",
		"A bird", "The princess", "Sam had a red ball", "Two friends went", "The little fish", "Anna was sad because",
		"At night", "The farmer", "Max the bear",
	}
}

// record lets the built-in model continue each opening once with its likeliest
// tokens and then with drawn ones.
func record(t *testing.T, drawn, length int) (path.Identity, []path.Text) {
	t.Helper()
	m, err := moe.FromBytes(stories.Name, stories.GGUF(), moe.Options{Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := m.Config()
	id := path.Identity{Name: stories.Name, Arch: c.Architecture, TopK: c.TopK, Vocab: c.Vocab, Experts: make([]int, len(m.Gates()))}
	for i, g := range m.Gates() {
		id.Experts[i] = g.Router.Rows
	}
	var texts []path.Text
	for round := range 1 + drawn {
		for i, opening := range openings() {
			o := sample.Options{}
			if round > 0 {
				o = sample.Options{Temperature: 1, Seed: uint64(round*100 + i + 1)}
			}
			texts = append(texts, continued(t, m, opening, length, o))
		}
	}
	return id, texts
}

func continued(t *testing.T, m *moe.Model, opening string, length int, o sample.Options) path.Text {
	t.Helper()
	ctx := context.Background()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sampler, err := sample.New(o)
	if err != nil {
		t.Fatal(err)
	}
	text := path.Text{Chosen: make([][]int32, len(m.Gates()))}
	m.Observe(func(d *expert.Demand) {
		text.Chosen[d.Layer] = append(text.Chosen[d.Layer], d.Chosen...)
	})
	defer m.Observe(nil)
	logits, err := s.Prefill(ctx, m.Tokenizer().Encode(nil, opening, tokenizer.Options{}), moe.PrefillOptions{})
	for err == nil && len(s.Tokens()) < length {
		var id int32
		if id, err = sampler.Next(logits); err != nil || m.Tokenizer().IsEnd(id) {
			break
		}
		logits, err = s.Step(ctx, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	text.IDs = append(text.IDs, s.Tokens()...)
	return text
}

// TestStories: on a model whose routing was learned, the path names most of the
// experts of texts that it has not seen, where simpler guesses name few.
func TestStories(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some seconds")
	}
	id, texts := record(t, 3, 150)
	m, v, err := path.Train(context.Background(), id, texts, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d, %d and %d tokens, %d known, loss %.3f", v.Trained, v.Stopped, v.Judged, m.Known(), v.Loss)
	for layer, r := range v.Layers {
		t.Logf("layer %d: path %.3f, popular %.3f, previous %.3f, shuffled %.3f", layer, r.Path, r.Popular, r.Previous, r.Shuffled)
		if r.Path < 0.6 {
			t.Errorf("layer %d: the path names %.3f, want 0.6 at least", layer, r.Path)
		}
		if most := max(r.Popular, r.Previous, r.Shuffled); most > 0.4 {
			t.Errorf("layer %d: a simple guess names %.3f: the texts are not what the test takes them for", layer, most)
		}
	}
}
