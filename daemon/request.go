package daemon

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"moed/moe/sample"
)

// Sampling says how tokens are chosen; its zero value is greedy.
type Sampling = sample.Options

// DefaultSampling is what a request gets that says nothing.
func DefaultSampling() Sampling {
	return Sampling{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05}
}

// Request asks for one text.
type Request struct {
	// Prompt is the user's message, or where the model has no chat template
	// the text to continue. With Raw it goes to the tokenizer as it is.
	Prompt string
	// System is the system message. Without a template it stands before the
	// prompt, with an empty line between. It cannot go with Raw.
	System string
	Raw    bool

	// Messages, a JSON array as in OpenAI's API, stand in place of Prompt and
	// System. Tools is a JSON array of tool descriptions, Kwargs a JSON object of
	// further variables of the chat template. All may be nil.
	Messages, Tools, Kwargs json.RawMessage
	// ToolChoice is "" or "auto", "none", "required", or the name of the one
	// function to call.
	ToolChoice string
	// IDs, if not nil, is the prompt as tokens, in place of any text.
	IDs []int32
	// Suffix is what follows the text to be filled in after Prompt. Models without
	// tokens for that refuse it.
	Suffix string
	// Format makes the answer JSON: nil is free text, "json" in quotes any object,
	// an object is the JSON schema that the answer follows.
	Format json.RawMessage

	// ID is what the request is called in lists and by Cancel; "" makes one up.
	ID     string
	Caller Caller

	// IgnoreEnd goes on where the model would end the answer.
	IgnoreEnd bool
	// MaxTokens ends the answer; 0 lets the model end it, or the context.
	MaxTokens int
	// Stop are strings that end the answer, which does not include them.
	Stop     []string
	Sampling Sampling

	// LogProbs asks for log probabilities: of each token, and of that many of
	// the likeliest in its place.
	LogProbs int

	// Progress, if not nil, is told how much of the prompt has been read. It is
	// called on Generate's goroutine.
	Progress func(PromptProgress)
}

// PromptProgress is how far the reading of a prompt is, in tokens.
type PromptProgress struct {
	Total  int
	Cached int // found in a kept prefix
	Read   int // so far; Cached are among them
}

// option is a setting of a Request that has a name.
type option struct {
	key string
	set func(r *Request, value string) error
}

// options are named as in Ollama's API and OpenAI's.
func options() []option {
	s := func(r *Request) *Sampling { return &r.Sampling }
	return []option{
		{"temperature", number(func(r *Request, v float64) { s(r).Temperature = v })},
		{"top_k", count(func(r *Request, v int) { s(r).TopK = v })},
		{"top_p", number(func(r *Request, v float64) { s(r).TopP = v })},
		{"min_p", number(func(r *Request, v float64) { s(r).MinP = v })},
		{"repeat_penalty", number(func(r *Request, v float64) { s(r).RepeatPenalty = v })},
		{"repeat_last_n", count(func(r *Request, v int) { s(r).RepeatLastN = v })},
		{"frequency_penalty", number(func(r *Request, v float64) { s(r).FrequencyPenalty = v })},
		{"presence_penalty", number(func(r *Request, v float64) { s(r).PresencePenalty = v })},
		{"logit_bias", setLogitBias},
		{"seed", setSeed},
		{"stop", func(r *Request, v string) error { r.Stop = append(r.Stop, v); return nil }},
		{"max_tokens", count(func(r *Request, v int) { r.MaxTokens = max(v, 0) })},
		{"num_predict", count(func(r *Request, v int) { r.MaxTokens = max(v, 0) })},
	}
}

// OptionKeys lists the keys that Set takes.
func OptionKeys() []string {
	var keys []string
	for _, o := range options() {
		keys = append(keys, o.key)
	}
	return keys
}

// Set changes the setting of that name. stop adds to the stop strings,
// logit_bias wants a JSON object from token ids to numbers. The error says
// what was wanted.
func (r *Request) Set(key, value string) error {
	for _, o := range options() {
		if o.key != key {
			continue
		}
		if err := o.set(r, value); err != nil {
			return fmt.Errorf("option %s: %w", key, err)
		}
		return nil
	}
	return fmt.Errorf("unknown option %q (there are %s)", key, strings.Join(OptionKeys(), ", "))
}

func number(set func(*Request, float64)) func(*Request, string) error {
	return func(r *Request, value string) error {
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("found %q, want a number", value)
		}
		set(r, v)
		return nil
	}
}

func count(set func(*Request, int)) func(*Request, string) error {
	return func(r *Request, value string) error {
		v, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return fmt.Errorf("found %q, want a whole number", value)
		}
		set(r, int(v))
		return nil
	}
}

// setSeed takes negative seeds too, as two's complement.
func setSeed(r *Request, value string) error {
	v, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		var n int64
		n, err = strconv.ParseInt(value, 10, 64)
		v = uint64(n)
	}
	if err != nil {
		return fmt.Errorf("found %q, want a whole number", value)
	}
	r.Sampling.Seed = v
	return nil
}

func setLogitBias(r *Request, value string) error {
	var bias map[int32]float64
	if err := json.Unmarshal([]byte(value), &bias); err != nil {
		return fmt.Errorf(`found %q, want JSON like {"15": -100, "27": 2.5}`, value)
	}
	r.Sampling.LogitBias = bias
	return nil
}

const maxLogProbs = 100

// Check reports what is wrong with r, as far as that can be told without a
// model.
func (r *Request) Check() error {
	if r.Raw && r.System != "" {
		return fmt.Errorf("a system text cannot go with a raw prompt, which has its own form")
	}
	if r.LogProbs < 0 || r.LogProbs > maxLogProbs {
		return fmt.Errorf("log probabilities of %d tokens, want 0 to %d", r.LogProbs, maxLogProbs)
	}
	return r.Sampling.Check()
}
