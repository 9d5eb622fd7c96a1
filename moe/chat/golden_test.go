package chat

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// golden is one case of a cases.json; see testdata/templates/README.md.
type golden struct {
	Name       string
	Messages   json.RawMessage
	Tools      json.RawMessage
	Kwargs     json.RawMessage `json:"template_kwargs"`
	Generation bool            `json:"add_generation_prompt"`
	BOS        string          `json:"bos_token"`
	EOS        string          `json:"eos_token"`
	Now        string
	Expected   string
	Error      string `json:"expected_error"`
	Deliberate bool
}

const templates = "../../testdata/templates"

func readCases(t testing.TB, model string) []golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(templates, model, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", model)
	}
	return cases
}

func (g golden) options(t testing.TB) Options {
	t.Helper()
	now, err := time.Parse("2006-01-02T15:04:05", g.Now)
	if err != nil {
		t.Fatal(err)
	}
	return Options{BOS: g.BOS, EOS: g.EOS, Now: func() time.Time { return now }}
}

func (g golden) request() Request {
	return Request{Messages: g.Messages, Tools: g.Tools, Kwargs: g.Kwargs, AddGenerationPrompt: g.Generation}
}

func (g golden) check(t *testing.T, o Options) {
	t.Helper()
	tmpl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Template != "" && tmpl.Note() != "" {
		t.Fatalf("the template is not used: %s", tmpl.Note())
	}
	got, err := tmpl.Render(context.Background(), g.request())
	if g.Error != "" {
		var refused *RefusedError
		if err == nil || g.Deliberate != errors.As(err, &refused) {
			t.Fatalf("got %q, %v; want an error as Jinja's %s", got, err, g.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(g.Expected, got); d != "" {
		t.Errorf("not as Jinja renders it (-want +got):\n%s", d)
	}
}

func TestGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(templates, "*", "template.jinja"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("found %d templates: %v", len(paths), err)
	}
	for _, p := range paths {
		model := filepath.Base(filepath.Dir(p))
		source, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range readCases(t, model) {
			t.Run(model+"/"+g.Name, func(t *testing.T) {
				o := g.options(t)
				o.Template = string(source)
				g.check(t, o)
			})
		}
	}
}
