package anthropic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"moed/daemon"
)

const (
	maxStops      = 64
	maxStopLength = 4096 // bytes
)

// body is a request as it comes.
type body struct {
	Model       string          `json:"model"`
	MaxTokens   *float64        `json:"max_tokens"`
	Messages    []message       `json:"messages"`
	System      content         `json:"system"`
	Tools       []tool          `json:"tools"`
	ToolChoice  *choice         `json:"tool_choice"`
	Stops       []string        `json:"stop_sequences"`
	Temperature *float64        `json:"temperature"`
	TopP        *float64        `json:"top_p"`
	TopK        *float64        `json:"top_k"`
	Thinking    *thinking       `json:"thinking"`
	Output      *output         `json:"output_config"`
	Format      *outputFormat   `json:"output_format"` // as it was called before output_config
	MCPServers  json.RawMessage `json:"mcp_servers"`
	Stream      bool            `json:"stream"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

type tool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

type choice struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type thinking struct {
	Type   string   `json:"type"`
	Budget *float64 `json:"budget_tokens"`
}

type output struct {
	Effort string        `json:"effort"`
	Format *outputFormat `json:"format"`
}

type outputFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// request is b for the engine. Without counting, max_tokens may be missing.
func (b *body) request(counting bool) (*daemon.Request, error) {
	r := &daemon.Request{Sampling: daemon.DefaultSampling(), Stop: b.Stops}
	r.Sampling.Seed = uint64(rand.Uint32())
	for _, step := range []func(*daemon.Request) error{b.setNumbers, b.setStops, b.setTools, b.setChoice, b.setThinking, b.setFormat, b.setMessages} {
		if err := step(r); err != nil {
			return nil, err
		}
	}
	switch {
	case b.Model == "":
		return nil, wrong("model", "is required")
	case b.MaxTokens == nil && !counting:
		return nil, wrong("max_tokens", "is required")
	case len(b.MCPServers) > 0 && string(b.MCPServers) != "[]" && string(b.MCPServers) != "null":
		return nil, wrong("mcp_servers", "moed connects to no servers")
	}
	return r, nil
}

func (b *body) setNumbers(r *daemon.Request) error {
	s, most, k := &r.Sampling, 0.0, float64(r.Sampling.TopK)
	for _, n := range []struct {
		name      string
		from, to  *float64
		low, high float64
		whole     bool
	}{
		{"max_tokens", b.MaxTokens, &most, 1, math.MaxInt32, true},
		{"temperature", b.Temperature, &s.Temperature, 0, 2, false},
		{"top_p", b.TopP, &s.TopP, 0, 1, false},
		{"top_k", b.TopK, &k, 0, math.MaxInt32, true},
	} {
		if n.from == nil {
			continue
		}
		v := *n.from
		switch fits := v >= n.low && v <= n.high; {
		case n.whole && (!fits || v != math.Trunc(v)):
			return wrong(n.name, fmt.Sprintf("want a whole number from %.0f to %.0f", n.low, n.high))
		case !fits:
			return wrong(n.name, fmt.Sprintf("want a number from %v to %v", n.low, n.high))
		}
		*n.to = v
	}
	r.MaxTokens, s.TopK = int(most), int(k)
	return nil
}

func (b *body) setStops(r *daemon.Request) error {
	if len(b.Stops) > maxStops {
		return wrong("stop_sequences", fmt.Sprintf("there are %d, want at most %d", len(b.Stops), maxStops))
	}
	for i, s := range b.Stops {
		if s == "" || len(s) > maxStopLength {
			return wrong(fmt.Sprintf("stop_sequences.%d", i), fmt.Sprintf("want 1 to %d bytes", maxStopLength))
		}
	}
	return nil
}

// setTools takes the client's own tools. Anthropic's have a type, and most of
// them no schema: the model does not know them.
func (b *body) setTools(r *daemon.Request) error {
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters"`
	}
	type entry struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}
	var out []entry
	for i, t := range b.Tools {
		if t.Type != "" && t.Type != "custom" {
			continue
		}
		param := fmt.Sprintf("tools.%d", i)
		schema := bytes.TrimSpace(t.InputSchema)
		switch {
		case t.Name == "":
			return wrong(param+".name", "is required")
		case len(schema) == 0 || schema[0] != '{':
			return wrong(param+".input_schema", "want a JSON schema")
		}
		out = append(out, entry{Type: "function", Function: function{t.Name, t.Description, schema}})
	}
	if out == nil {
		return nil
	}
	var err error
	r.Tools, err = plainJSON(out)
	return err
}

func (b *body) setChoice(r *daemon.Request) error {
	if b.ToolChoice == nil {
		return nil
	}
	switch c := b.ToolChoice; c.Type {
	case "auto":
		r.ToolChoice = "auto"
	case "none":
		r.ToolChoice = "none"
	case "any":
		r.ToolChoice = "required"
	case "tool":
		if !slices.ContainsFunc(b.Tools, func(t tool) bool { return t.Name != "" && t.Name == c.Name }) {
			return wrong("tool_choice.name", "is none of the tools")
		}
		r.ToolChoice = c.Name
	default:
		return wrong("tool_choice.type", "want auto, any, tool or none")
	}
	if r.Tools == nil && (r.ToolChoice == "required" || b.ToolChoice.Type == "tool") {
		return wrong("tool_choice", "there are no tools that the model could call")
	}
	return nil
}

// setThinking tells the chat template. What each model calls it differs.
func (b *body) setThinking(r *daemon.Request) error {
	kwargs := map[string]any{}
	if t := b.Thinking; t != nil {
		on := t.Type != "disabled"
		kwargs["enable_thinking"], kwargs["thinking"] = on, on
		switch t.Type {
		case "adaptive", "disabled":
		case "enabled":
			if t.Budget != nil && (!(*t.Budget >= 1024) || *t.Budget != math.Trunc(*t.Budget) || b.MaxTokens != nil && *t.Budget >= *b.MaxTokens) {
				return wrong("thinking.budget_tokens", "want a whole number from 1024, less than max_tokens")
			}
		default:
			return wrong("thinking.type", "want enabled, adaptive or disabled")
		}
	}
	if b.Output != nil && b.Output.Effort != "" {
		switch e := b.Output.Effort; e {
		case "low", "medium", "high":
			kwargs["reasoning_effort"] = e
		case "xhigh", "max":
			kwargs["reasoning_effort"] = "high"
		default:
			return wrong("output_config.effort", "want low, medium, high or max")
		}
	}
	if len(kwargs) == 0 {
		return nil
	}
	var err error
	r.Kwargs, err = json.Marshal(kwargs)
	return err
}

func (b *body) setFormat(r *daemon.Request) error {
	f := b.Format
	if b.Output != nil && b.Output.Format != nil {
		f = b.Output.Format
	}
	if f == nil {
		return nil
	}
	schema := bytes.TrimSpace(f.Schema)
	if f.Type != "json_schema" || len(schema) == 0 || schema[0] != '{' {
		return wrong("output_config.format", "want the type json_schema and a schema")
	}
	r.Format = schema
	return nil
}
