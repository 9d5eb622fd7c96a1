package openai

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"moed/daemon"
)

const (
	maxStops      = 16
	maxStopLength = 4096 // bytes
	maxBias       = 4096 // tokens
	maxTop        = 20   // of log probabilities in chats
)

// params are the fields that chats and completions share. Pointers tell what is
// missing from what is 0; numbers are float64 so that 7.0 is one, too.
type params struct {
	Model  string `json:"model"`
	Stream bool   `json:"stream"`

	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	MaxTokens           *float64        `json:"max_tokens"`
	MaxCompletionTokens *float64        `json:"max_completion_tokens"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	TopK                *float64        `json:"top_k"`
	MinP                *float64        `json:"min_p"`
	RepeatPenalty       *float64        `json:"repeat_penalty"`
	RepeatLastN         *float64        `json:"repeat_last_n"`
	FrequencyPenalty    *float64        `json:"frequency_penalty"`
	PresencePenalty     *float64        `json:"presence_penalty"`
	N                   *float64        `json:"n"`
	BestOf              *float64        `json:"best_of"`
	NDiscard            *float64        `json:"n_discard"`
	Seed                json.RawMessage `json:"seed"`
	Stop                json.RawMessage `json:"stop"`
	LogitBias           json.RawMessage `json:"logit_bias"`
	IgnoreEOS           bool            `json:"ignore_eos"`
	ReturnProgress      bool            `json:"return_progress"`
}

// fill sets what p says in r.
func (p *params) fill(r *daemon.Request) error {
	r.Sampling = daemon.DefaultSampling()
	r.Sampling.Seed = uint64(rand.Uint32())
	r.IgnoreEnd = p.IgnoreEOS
	s, one := &r.Sampling, 0
	for _, n := range []struct {
		name      string
		from      *float64
		to        *int
		low, high int
	}{
		{"max_tokens", p.MaxTokens, &r.MaxTokens, 1, math.MaxInt32},
		{"max_completion_tokens", p.MaxCompletionTokens, &r.MaxTokens, 1, math.MaxInt32},
		{"top_k", p.TopK, &s.TopK, 0, math.MaxInt32},
		{"repeat_last_n", p.RepeatLastN, &s.RepeatLastN, -1, math.MaxInt32},
		{"n", p.N, &one, 1, 1},
		{"best_of", p.BestOf, &one, 1, 1},
		{"n_discard", p.NDiscard, &one, 0, math.MaxInt32},
	} {
		if err := whole(n.name, n.from, n.to, n.low, n.high); err != nil {
			return err
		}
	}
	for _, n := range []struct {
		name      string
		from, to  *float64
		low, high float64
	}{
		{"temperature", p.Temperature, &s.Temperature, 0, 100},
		{"top_p", p.TopP, &s.TopP, 0, 1},
		{"min_p", p.MinP, &s.MinP, 0, 1},
		{"repeat_penalty", p.RepeatPenalty, &s.RepeatPenalty, 0.01, 100},
		{"frequency_penalty", p.FrequencyPenalty, &s.FrequencyPenalty, -100, 100},
		{"presence_penalty", p.PresencePenalty, &s.PresencePenalty, -100, 100},
	} {
		if n.from == nil {
			continue
		}
		if *n.from < n.low || *n.from > n.high {
			return wrong(n.name, "found %v, want %v to %v", *n.from, n.low, n.high)
		}
		*n.to = *n.from
	}
	var err error
	if r.Stop, err = stops(p.Stop); err != nil {
		return err
	}
	if err := seed(p.Seed, &s.Seed); err != nil {
		return err
	}
	s.LogitBias, err = bias(p.LogitBias)
	return err
}

// whole takes a whole number within a range, if there is one.
func whole(name string, from *float64, to *int, low, high int) error {
	if from == nil {
		return nil
	}
	if *from != math.Trunc(*from) || *from < float64(low) || *from > float64(high) {
		if low == high {
			return wrong(name, "found %v; only %d is supported", *from, low)
		}
		return wrong(name, "found %v, want a whole number from %d to %d", *from, low, high)
	}
	*to = int(*from)
	return nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// stops are one string or several.
func stops(raw json.RawMessage) ([]string, error) {
	if absent(raw) {
		return nil, nil
	}
	var all []string
	var one string
	if json.Unmarshal(raw, &one) == nil {
		all = []string{one}
	} else if json.Unmarshal(raw, &all) != nil {
		return nil, wrong("stop", "want a string or an array of strings")
	}
	if len(all) > maxStops {
		return nil, wrong("stop", "found %d strings, want at most %d", len(all), maxStops)
	}
	for _, s := range all {
		if len(s) > maxStopLength {
			return nil, wrong("stop", "found a string of %d bytes, want at most %d", len(s), maxStopLength)
		}
	}
	return all, nil
}

// seed is any whole number of 64 bits, with a sign or without.
func seed(raw json.RawMessage, to *uint64) error {
	if absent(raw) {
		return nil
	}
	if n, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		*to = n
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return wrong("seed", "want a whole number of 64 bits")
	}
	*to = uint64(n)
	return nil
}

// bias is an object from token ids to numbers.
func bias(raw json.RawMessage) (map[int32]float64, error) {
	if absent(raw) {
		return nil, nil
	}
	var b map[int32]float64
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, wrong("logit_bias", `want an object of token ids and numbers, such as {"15": -100}`)
	}
	if len(b) > maxBias {
		return nil, wrong("logit_bias", "found %d tokens, want at most %d", len(b), maxBias)
	}
	for id, v := range b {
		if id < 0 || math.Abs(v) > 1e6 {
			return nil, wrong("logit_bias", "token %d: %v", id, v)
		}
	}
	return b, nil
}

// format is what response_format, or text.format, asks for.
type format struct {
	Type   string `json:"type"`
	Schema *struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
	Inline json.RawMessage `json:"schema"` // in responses
}

func (f *format) of(param string) (json.RawMessage, error) {
	if f == nil {
		return nil, nil
	}
	switch f.Type {
	case "", "text":
		return nil, nil
	case "json_object":
		if !absent(f.Inline) { // llama-server's
			return f.Inline, nil
		}
		return json.RawMessage(`"json"`), nil
	case "json_schema":
		schema := f.Inline
		if f.Schema != nil {
			schema = f.Schema.Schema
		}
		if absent(schema) {
			return nil, wrong(param, "json_schema without a schema")
		}
		return schema, nil
	}
	return nil, wrong(param, "type %q is not known; there are text, json_object and json_schema", f.Type)
}

// kwargs adds what reasoning_effort means to the variables of a template.
func kwargs(raw json.RawMessage, effort string) (json.RawMessage, error) {
	vars := map[string]json.RawMessage{}
	if !absent(raw) {
		if err := json.Unmarshal(raw, &vars); err != nil {
			return nil, wrong("chat_template_kwargs", "want an object")
		}
	}
	switch effort {
	case "":
	case "none", "minimal":
		vars["enable_thinking"] = json.RawMessage("false")
		vars["reasoning_effort"] = json.RawMessage(`"low"`)
	case "low", "medium", "high", "xhigh":
		vars["reasoning_effort"] = json.RawMessage(fmt.Sprintf("%q", effort))
	default:
		return nil, wrong("reasoning_effort", "found %q, want none, minimal, low, medium or high", effort)
	}
	if len(vars) == 0 {
		return nil, nil
	}
	return json.Marshal(vars)
}

// toolChoice is a word or an object that names a function.
func toolChoice(raw json.RawMessage) (string, error) {
	if absent(raw) {
		return "", nil
	}
	var word string
	if json.Unmarshal(raw, &word) == nil {
		switch word {
		case "auto", "none", "required":
			return word, nil
		}
		return "", wrong("tool_choice", "found %q, want auto, none, required or a function", word)
	}
	var chosen struct {
		Type     string `json:"type"`
		Name     string `json:"name"` // in responses
		Mode     string `json:"mode"` // of several that are allowed
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(raw, &chosen) != nil {
		return "", wrong("tool_choice", "want a word or an object that names a function")
	}
	name := chosen.Function.Name
	if name == "" {
		name = chosen.Name
	}
	switch {
	case chosen.Type == "allowed_tools" && chosen.Mode == "required":
		return "required", nil
	case chosen.Type != "function" && chosen.Type != "":
		return "auto", nil // of a tool that is not ours to call
	case name == "":
		return "", wrong("tool_choice", "a function is wanted, but not named")
	case name == "auto" || name == "none" || name == "required":
		return "", wrong("tool_choice", "a function cannot be called %q", name)
	}
	return name, nil
}
