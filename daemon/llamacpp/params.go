package llamacpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"moed/daemon"
)

const (
	maxStops      = 64
	maxStopLength = 4096 // bytes
	maxBias       = 4096 // tokens
)

// params are the fields of a completion that are not its prompt. Pointers tell
// what is missing from what is 0.
type params struct {
	Model  string `json:"model"`
	Stream bool   `json:"stream"`

	NPredict         *float64        `json:"n_predict"`
	MaxTokens        *float64        `json:"max_tokens"`
	Temperature      *float64        `json:"temperature"`
	TopK             *float64        `json:"top_k"`
	TopP             *float64        `json:"top_p"`
	MinP             *float64        `json:"min_p"`
	RepeatPenalty    *float64        `json:"repeat_penalty"`
	RepeatLastN      *float64        `json:"repeat_last_n"`
	FrequencyPenalty *float64        `json:"frequency_penalty"`
	PresencePenalty  *float64        `json:"presence_penalty"`
	Seed             json.RawMessage `json:"seed"`
	Stop             json.RawMessage `json:"stop"`
	LogitBias        json.RawMessage `json:"logit_bias"`
	JSONSchema       json.RawMessage `json:"json_schema"`
	Grammar          string          `json:"grammar"`
	IgnoreEOS        bool            `json:"ignore_eos"`
	NProbs           *float64        `json:"n_probs"`
	N                *float64        `json:"n"`
	NCompletions     *float64        `json:"n_cmpl"`

	ReturnTokens    bool     `json:"return_tokens"`
	ReturnProgress  bool     `json:"return_progress"`
	TimingsPerToken bool     `json:"timings_per_token"`
	CachePrompt     *bool    `json:"cache_prompt"` // always
	IDSlot          *float64 `json:"id_slot"`
	NKeep           *float64 `json:"n_keep"`
	NDiscard        *float64 `json:"n_discard"`
	NIndent         *float64 `json:"n_indent"`
	MaxPromptMS     *float64 `json:"t_max_prompt_ms"`
	MaxPredictMS    *float64 `json:"t_max_predict_ms"`

	Multimodal json.RawMessage   `json:"multimodal_data"`
	Images     []json.RawMessage `json:"image_data"`
	Lora       []json.RawMessage `json:"lora"`
}

// completion is a checked request.
type completion struct {
	params
	request daemon.Request
	// nothing asks for the prompt to be read only. A token is made all the same,
	// and thrown away.
	nothing bool
	most    time.Duration // of the answer, once it has a second line; 0 is any
}

func (p params) completion() (*completion, error) {
	c := &completion{params: p}
	c.request.Sampling = daemon.DefaultSampling()
	c.request.Sampling.Seed = uint64(rand.Uint32()) // every reader of JSON can say it
	for _, step := range []func() error{c.wholes, c.reals, c.further} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// wholes checks whole numbers, those too that change nothing.
func (c *completion) wholes() error {
	r, s := &c.request, &c.request.Sampling
	predict, last, ms, ignored := -1, 0, 0, 0
	if c.NPredict == nil {
		c.NPredict = c.MaxTokens
	}
	for _, n := range []struct {
		name      string
		from      *float64
		to        *int
		low, high int
	}{
		{"n_predict", c.NPredict, &predict, -2, math.MaxInt32},
		{"top_k", c.TopK, &s.TopK, -1, math.MaxInt32},
		{"repeat_last_n", c.RepeatLastN, &last, -1, math.MaxInt32},
		{"n_probs", c.NProbs, &r.LogProbs, 0, 100},
		{"n", c.N, &ignored, 1, 1},
		{"n_cmpl", c.NCompletions, &ignored, 1, 1},
		{"id_slot", c.IDSlot, &ignored, -1, math.MaxInt32},
		{"n_keep", c.NKeep, &ignored, -1, math.MaxInt32},
		{"n_discard", c.NDiscard, &ignored, 0, math.MaxInt32},
		{"n_indent", c.NIndent, &ignored, 0, math.MaxInt32},
		{"t_max_prompt_ms", c.MaxPromptMS, &ignored, -1, math.MaxInt32},
		{"t_max_predict_ms", c.MaxPredictMS, &ms, -1, math.MaxInt32},
	} {
		if err := whole(n.name, n.from, n.to, n.low, n.high); err != nil {
			return err
		}
	}
	s.TopK, s.RepeatLastN = max(s.TopK, 0), last // below 0 is any
	c.most = time.Duration(max(ms, 0)) * time.Millisecond
	r.MaxTokens = max(predict, 0)
	if c.nothing = predict == 0; c.nothing {
		r.MaxTokens = 1
	}
	return nil
}

// reals checks the other numbers.
func (c *completion) reals() error {
	s := &c.request.Sampling
	for _, n := range []struct {
		name      string
		from, to  *float64
		low, high float64
	}{
		{"temperature", c.Temperature, &s.Temperature, -1e6, 1e6},
		{"top_p", c.TopP, &s.TopP, 0, 1},
		{"min_p", c.MinP, &s.MinP, 0, 1},
		{"repeat_penalty", c.RepeatPenalty, &s.RepeatPenalty, 0, 1e6},
		{"frequency_penalty", c.FrequencyPenalty, &s.FrequencyPenalty, -1e6, 1e6},
		{"presence_penalty", c.PresencePenalty, &s.PresencePenalty, -1e6, 1e6},
	} {
		if n.from == nil {
			continue
		}
		if !(*n.from >= n.low && *n.from <= n.high) {
			return wrong(n.name, fmt.Sprintf("want a number from %v to %v", n.low, n.high))
		}
		*n.to = *n.from
	}
	s.Temperature = max(s.Temperature, 0)            // below 0 is greedy
	if c.RepeatLastN != nil && *c.RepeatLastN == 0 { // sees no token
		s.RepeatPenalty, s.FrequencyPenalty, s.PresencePenalty = 0, 0, 0
	}
	return nil
}

// further checks what is no number.
func (c *completion) further() (err error) {
	switch r := &c.request; {
	case c.Grammar != "":
		return wrong("grammar", "moed takes a json_schema instead")
	case c.IgnoreEOS:
		return wrong("ignore_eos", "moed ends where the model does")
	case len(c.Images) > 0, !empty(c.Multimodal):
		return wrong("multimodal_data", "moed reads text only")
	case len(c.Lora) > 0:
		return wrong("lora", "moed has no adapters")
	case !empty(c.JSONSchema) && c.JSONSchema[0] != '{':
		return wrong("json_schema", "want an object")
	case !empty(c.JSONSchema):
		r.Format = c.JSONSchema
	}
	if c.request.Stop, err = stops(c.Stop); err != nil {
		return err
	}
	if c.request.Sampling.LogitBias, err = biases(c.LogitBias); err != nil {
		return err
	}
	return c.seed()
}

func (c *completion) seed() error {
	text := string(c.Seed)
	if empty(c.Seed) || text == "-1" || text == "4294967295" { // as llama-server says any
		return nil
	}
	seed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return wrong("seed", "want a whole number")
	}
	c.request.Sampling.Seed = uint64(seed)
	return nil
}

func empty(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// whole reads a whole number within low and high, if there is one.
func whole(name string, from *float64, to *int, low, high int) error {
	if from == nil {
		return nil
	}
	if f := *from; f != math.Trunc(f) || f < float64(low) || f > float64(high) {
		return wrong(name, fmt.Sprintf("want a whole number from %d to %d", low, high))
	}
	*to = int(*from)
	return nil
}

// stops is a string, or an array of them; empty ones end nothing.
func stops(raw json.RawMessage) ([]string, error) {
	if empty(raw) {
		return nil, nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		var one string
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, wrong("stop", "want a string or an array of strings")
		}
		list = []string{one}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	if len(list) > maxStops {
		return nil, wrong("stop", fmt.Sprintf("%d strings, want at most %d", len(list), maxStops))
	}
	for _, s := range list {
		if len(s) > maxStopLength {
			return nil, wrong("stop", fmt.Sprintf("a string has %d bytes, want at most %d", len(s), maxStopLength))
		}
	}
	return list, nil
}

// biases are pairs of a token and what is added to its logit, false to ban it; or
// an object of them.
func biases(raw json.RawMessage) (map[int32]float64, error) {
	if empty(raw) {
		return nil, nil
	}
	want := wrong("logit_bias", "want [[token, bias], ...] or an object from tokens to biases")
	out := map[int32]float64{}
	add := func(token int64, value json.RawMessage) error {
		if string(value) == "false" {
			out[int32(token)] = math.Inf(-1)
			return nil
		}
		bias, err := strconv.ParseFloat(string(value), 64)
		if err != nil || math.Abs(bias) > 1e6 || token < 0 || token > math.MaxInt32 || len(out) >= maxBias {
			return errors.New("no bias")
		}
		out[int32(token)] = bias
		return nil
	}
	var pairs [][2]json.RawMessage
	if json.Unmarshal(raw, &pairs) == nil {
		for _, p := range pairs {
			token, err := strconv.ParseInt(string(p[0]), 10, 32)
			if err != nil || add(token, p[1]) != nil {
				return nil, want
			}
		}
		return out, nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return nil, want
	}
	for key, value := range object {
		token, err := strconv.ParseInt(key, 10, 32)
		if err != nil || add(token, value) != nil {
			return nil, want
		}
	}
	return out, nil
}
