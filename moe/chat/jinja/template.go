package jinja

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Template is a parsed source. It is immutable: any number of goroutines may
// render it at once.
type Template struct{ body []stmt }

// Limits bound one rendering. A zero field means the default.
type Limits struct {
	Steps  int // evaluations; default 3 million, a fraction of a second
	Memory int // bytes made in all, also those dropped again; default 32 MiB
	Output int // bytes of text; default 8 MiB
}

// Parse reads a template. Its errors name the line.
func Parse(source string) (*Template, error) {
	body, err := parse(strings.ToValidUTF8(source, "\uFFFD"))
	if err != nil {
		return nil, err
	}
	return &Template{body}, nil
}

// Render renders the template to text. now is what strftime_now formats; it is
// called only by templates that ask. Errors name the line of the template;
// a refusal by the template is a *RefusedError, an end of ctx wraps ctx.Err().
func (t *Template) Render(ctx context.Context, vars *Vars, now func() time.Time, limits Limits) (string, error) {
	r := newRun(ctx, now, limits)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.exec(t.body, (&scope{vars: vars.vars}).child()); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

func orDefault(v, missing int) int {
	if v <= 0 {
		return missing
	}
	return v
}

// Vars are the variables a rendering starts with. A rendering does not change
// them, so they may be used again.
type Vars struct{ vars map[string]any }

// Set gives name a value: nil, a bool, a string, or what Decode returned.
func (v *Vars) Set(name string, val any) error {
	switch val.(type) {
	case nil, bool, string, int64, float64, bigint, *list, *dict:
	default:
		return fmt.Errorf("variable %s: a %T is not a value", name, val)
	}
	if v.vars == nil {
		v.vars = make(map[string]any)
	}
	v.vars[name] = val
	return nil
}

// aside is a run outside of any template, with the default limits.
func aside() *run { return newRun(context.Background(), nil, Limits{}) }

func newRun(ctx context.Context, now func() time.Time, l Limits) *run {
	return &run{
		ctx:    ctx,
		now:    now,
		steps:  orDefault(l.Steps, 3_000_000),
		bytes:  orDefault(l.Memory, 32<<20),
		output: orDefault(l.Output, 8<<20),
		out:    &strings.Builder{},
	}
}
