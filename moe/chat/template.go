package chat

import (
	"context"
	"fmt"
	"time"

	"moed/moe/chat/jinja"
)

// RefusedError is the template's own refusal of the messages, for example of
// roles in an order it does not know: the request is at fault.
type RefusedError = jinja.RefusedError

// Options say what is known about a model's chat format. All are optional.
type Options struct {
	Template     string // source of the chat template; "" if the file has none
	Architecture string // as in general.architecture; used only without a usable template
	BOS, EOS     string // texts of these tokens

	// HasToken tells whether the vocabulary has a token with this text. It is
	// used only without a usable template.
	HasToken func(text string) bool

	Now       func() time.Time // what strftime_now formats; default time.Now
	MaxInput  int              // bytes of JSON in a request; default 8 MiB
	MaxOutput int              // bytes of text; default 8 MiB
	MaxSteps  int              // evaluations in a template; default 3 million
}

// Template makes prompts. It is immutable: any number of goroutines may Render
// at once.
type Template struct {
	o      Options
	format format
	note   string
}

// format writes the prompt for a checked request.
type format interface {
	render(ctx context.Context, o *Options, in *input) (string, error)
}

const (
	defaultInput  = 8 << 20
	defaultOutput = 8 << 20

	// A rendering may make this many bytes, and so many more per byte of input.
	memoryBase, memoryPerByte = 32 << 20, 24
)

// New parses the template, or chooses a format in its place; Note tells. It
// fails only for limits below zero.
func New(o Options) (*Template, error) {
	if o.MaxInput < 0 || o.MaxOutput < 0 || o.MaxSteps < 0 {
		return nil, fmt.Errorf("chat: a limit is below zero")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxInput == 0 {
		o.MaxInput = defaultInput
	}
	if o.MaxOutput == 0 {
		o.MaxOutput = defaultOutput
	}
	if o.Template == "" {
		f, name := choose(&o)
		return &Template{o, f, "the model has no chat template: using " + name}, nil
	}
	t, err := jinja.Parse(o.Template)
	if err != nil {
		f, name := choose(&o)
		return &Template{o, f, fmt.Sprintf("the model's chat template does not parse (%v): using %s", err, name)}, nil
	}
	return &Template{o: o, format: program{t}}, nil
}

// Note says which format stands in for the model's template and why, in one
// line; it is empty when the template itself is used.
func (t *Template) Note() string { return t.note }

// Render makes the prompt. Errors name the message or the line of the template;
// a refusal by the template is a *RefusedError. It runs in the caller's
// goroutine, for a fraction of a second at most, and less if ctx ends.
func (t *Template) Render(ctx context.Context, r Request) (string, error) {
	in, err := r.decode(t.o.MaxInput)
	if err != nil {
		return "", fmt.Errorf("chat: %w", err)
	}
	s, err := t.format.render(ctx, &t.o, in)
	if err != nil {
		return "", fmt.Errorf("chat: %w", err)
	}
	if len(s) > t.o.MaxOutput {
		return "", fmt.Errorf("chat: the prompt has %d bytes, at most %d are allowed", len(s), t.o.MaxOutput)
	}
	return s, nil
}

// program is the model's own template.
type program struct{ t *jinja.Template }

func (p program) render(ctx context.Context, o *Options, in *input) (string, error) {
	var vars jinja.Vars
	for _, v := range []struct {
		name string
		val  any
	}{
		{"documents", nil},
		{"messages", jinja.List(in.messages)},
		{"tools", in.tools},
		{"add_generation_prompt", in.prompt},
		{"bos_token", o.BOS},
		{"eos_token", o.EOS},
	} {
		if err := vars.Set(v.name, v.val); err != nil {
			return "", err
		}
	}
	names, vals, _ := jinja.Pairs(in.kwargs)
	for i, n := range names {
		if err := vars.Set(n.(string), vals[i]); err != nil {
			return "", err
		}
	}
	return p.t.Render(ctx, &vars, o.Now, jinja.Limits{
		Steps:  o.MaxSteps,
		Memory: memoryBase + memoryPerByte*in.bytes,
		Output: o.MaxOutput,
	})
}
