package daemon

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

// TestFormat: a text that should be JSON of a schema is, also from a model that
// has never seen any, and log probabilities are the model's own.
func TestFormat(t *testing.T) {
	e := opened(t, Config{})
	schema := json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","maxLength":20},"old":{"type":"boolean"},"pets":{"type":"array","items":{"enum":["dog","cat"]},"maxItems":3}},"required":["name","old","pets"]}`)
	for seed := range uint64(6) {
		r := &Request{Prompt: "The girl is", Format: schema, LogProbs: 2, Sampling: DefaultSampling(), MaxTokens: 300}
		r.Sampling.Seed = seed
		got, err := answerOf(e, t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Name *string
			Old  *bool
			Pets []string
		}
		if err := json.Unmarshal([]byte(got.Text), &v); err != nil || v.Name == nil || v.Old == nil || v.Pets == nil || got.Finish != FinishStop {
			t.Errorf("seed %d: %q ends with %s: %v", seed, got.Text, got.Finish, err)
		}
		for _, p := range got.LogProbs {
			if p.Log < -1e6 || len(p.Top) == 0 || p.Top[0].Log < -1e6 {
				t.Errorf("seed %d: log probability %v of %q, the likeliest %v", seed, p.Log, p.Text, p.Top)
			}
		}
	}
	any, err := answerOf(e, t.Context(), &Request{Prompt: "The girl is", Format: json.RawMessage(`"json"`), MaxTokens: 400})
	if err != nil || any.Finish == FinishStop && !json.Valid([]byte(any.Text)) {
		t.Errorf("any object: %q, %v", any.Text, err)
	}
	free, err := answerOf(e, t.Context(), &Request{Prompt: "The girl is", MaxTokens: 20})
	if err != nil {
		t.Fatal(err)
	}
	null, err := answerOf(e, t.Context(), &Request{Prompt: "The girl is", MaxTokens: 20, Format: json.RawMessage("null")})
	if err != nil || !slices.Equal(null.IDs, free.IDs) {
		t.Errorf("without a format: %q, %v; want %q", null.Text, err, free.Text)
	}
}

func TestWrongFormat(t *testing.T) {
	e := opened(t, Config{})
	for name, r := range map[string]*Request{
		"format":      {Format: json.RawMessage(`{"not":{}}`)},
		"tool_choice": {ToolChoice: "required"},
		"tools":       {Tools: json.RawMessage(`[`)},
	} {
		r.Prompt = "The girl"
		_, err := answerOf(e, t.Context(), r)
		var wrong *RequestError
		if !errors.As(err, &wrong) || wrong.Param != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
