package predictor_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/sample"
	"moed/moe/stories"
	"moed/moe/tokenizer"
	"moed/predictor"
)

func openings() []string {
	return []string{
		"Once upon a time", "One day, a little girl", "Tom and his dog", "There was a big tree", "Lily liked to play",
		"The cat sat", "In the morning", "A boy named Ben", "The old man", "Mom said", "It was a sunny day", "A bird",
	}
}

// tell lets the built-in model continue the openings and shows each demand.
func tell(t *testing.T, see func(gates []expert.Gate) func(*expert.Demand)) {
	t.Helper()
	ctx := context.Background()
	m, err := moe.FromBytes(stories.Name, stories.GGUF(), moe.Options{Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Observe(see(m.Gates()))
	defer m.Observe(nil)
	for i, opening := range openings() {
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		sampler, err := sample.New(sample.Options{Temperature: 0.8, Seed: uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		logits, err := s.Prefill(ctx, m.Tokenizer().Encode(nil, opening, tokenizer.Options{}), moe.PrefillOptions{})
		for range 150 {
			var id int32
			if err != nil {
				break
			}
			if id, err = sampler.Next(logits); err != nil || m.Tokenizer().IsEnd(id) {
				break
			}
			logits, err = s.Step(ctx, id)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}

// TestStories: on a model whose routing was learned, the mixer names at least as
// much as the gate alone, far more than what knows nothing of the token, and
// what it says happens as often.
func TestStories(t *testing.T) {
	var j *predictor.Judge
	tell(t, func(gates []expert.Gate) func(*expert.Demand) {
		var err error
		if j, err = predictor.NewJudge(gates, predictor.Options{}); err != nil {
			t.Fatal(err)
		}
		return j.Observe
	})
	scores := j.Scores()
	all := predictor.Together(scores)
	if all.Recall.Mixer < *all.Recall.Gate+0.05 {
		t.Errorf("the mixer names %.3f, the gate alone %.3f", all.Recall.Mixer, *all.Recall.Gate)
	}
	const noise = 0.002 // a choice in five hundred
	for _, s := range append(scores, all) {
		r := &s.Recall
		t.Logf("layer %d distance %d: mixer %.3f gate %.3f token %.3f transition %.3f popularity %.3f previous %.3f shuffled %.3f, calibration error %.3f",
			s.Layer, s.Distance, r.Mixer, *r.Gate, *r.Token, *r.Transition, *r.Popularity, *r.Previous, r.Shuffled, s.Error)
		if r.Mixer+noise < max(*r.Gate, *r.Transition, *r.Popularity, *r.Previous) || r.Mixer+5*noise < *r.Token {
			t.Errorf("layer %d from %d before: the mixer names less than a source alone", s.Layer, s.Distance)
		}
		if r.Mixer < r.Shuffled+0.1 {
			t.Errorf("layer %d from %d before: the mixer names hardly more of its token's experts than of another's", s.Layer, s.Distance)
		}
	}
	calibrated(t, all)
}

func calibrated(t *testing.T, s predictor.Score) {
	t.Helper()
	table := ""
	for _, b := range s.Bins {
		table += fmt.Sprintf("%7d said %.3f happened %.3f\n", b.Guesses, b.Said, b.Happened)
		if b.Guesses >= 200 && math.Abs(b.Said-b.Happened) > 0.05 {
			t.Errorf("of %d guesses at %.3f, %.3f came true", b.Guesses, b.Said, b.Happened)
		}
	}
	t.Logf("reliability, error %.4f:\n%s", s.Error, table)
}
