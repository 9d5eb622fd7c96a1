package daemon_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/daemon"
	"moed/moe/gguf"
	"moed/moe/stories"
)

// changed writes the story model with keys added and tensor data changed.
func changed(t *testing.T, keys map[string]any, change func(tensor string, data []byte)) string {
	t.Helper()
	im, err := gguf.FromBytes(stories.GGUF())
	if err != nil {
		t.Fatal(err)
	}
	w := gguf.NewWriter()
	for _, key := range im.Keys() {
		v, _ := im.Value(key)
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	for key, v := range keys {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	for i := range im.Tensors {
		tensor := &im.Tensors[i]
		data := bytes.Clone(im.Data(tensor))
		if change != nil {
			change(tensor.Name, data)
		}
		if err := w.AddBytes(tensor.Name, tensor.Type, tensor.Dims, data); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "changed.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTemplate: with a template the prompt is a message. This one makes the
// text that the story model is known to continue.
func TestTemplate(t *testing.T) {
	const template = `{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }} {% elif m.content == 'no' %}` +
		`{{ raise_exception('not this') }}{% else %}Once {{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %} time{% endif %}`
	path := changed(t, map[string]any{"tokenizer.chat_template": template}, nil)
	e := open(t, daemon.Config{Model: path, Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
	if !e.HasTemplate() || len(e.Notes()) != 0 {
		t.Errorf("template %v, notes %q", e.HasTemplate(), e.Notes())
	}
	got := generate(t, e, daemon.Request{Prompt: "upon a", MaxTokens: 8})
	if got.Text != ", there was a little girl named Lily" || got.PromptTokens != 5 {
		t.Errorf("%d prompt tokens, text %q", got.PromptTokens, got.Text)
	}
	if got := generate(t, e, daemon.Request{Prompt: "upon a", System: "Hi.", MaxTokens: 1}); got.PromptTokens <= 5 {
		t.Errorf("the system text is not read: %d tokens", got.PromptTokens)
	}
	raw := generate(t, e, daemon.Request{Prompt: "<|endoftext|>Once upon a time", Raw: true, MaxTokens: 8})
	if raw.Text != got.Text || raw.PromptTokens != 5 {
		t.Errorf("raw: %d prompt tokens, text %q", raw.PromptTokens, raw.Text)
	}
	no := daemon.Request{Prompt: "no"}
	if _, err := e.Generate(context.Background(), &no, func(daemon.Piece) error { return nil }); err == nil || !strings.Contains(err.Error(), "not this") {
		t.Errorf("refused with %v", err)
	}
}

func TestTemplateThatDoesNotParse(t *testing.T) {
	path := changed(t, map[string]any{"tokenizer.chat_template": "{% for %}"}, nil)
	e := open(t, daemon.Config{Model: path, Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
	if notes := e.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "does not parse") {
		t.Errorf("notes %q", notes)
	}
	generate(t, e, daemon.Request{Prompt: "hello", MaxTokens: 2})
	r := inspect(t, path)
	if !r.Runs || !r.Template.Present || r.Template.Parses || !strings.Contains(r.Template.Note, "does not parse") {
		t.Errorf("inspected as %+v", r.Template)
	}
}

// TestBrokenWeights: a NaN in the weights is an error by name, not a text of
// token 0.
func TestBrokenWeights(t *testing.T) {
	path := changed(t, nil, func(tensor string, data []byte) {
		if tensor == "output_norm.weight" {
			binary.LittleEndian.PutUint32(data, math.Float32bits(float32(math.NaN())))
		}
	})
	for _, temperature := range []float64{0, 1} {
		e := open(t, daemon.Config{Model: path, Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
		r := daemon.Request{Prompt: "Once", Sampling: daemon.Sampling{Temperature: temperature}}
		if _, err := e.Generate(context.Background(), &r, func(daemon.Piece) error { return nil }); err == nil || !strings.Contains(err.Error(), "NaN") {
			t.Errorf("at temperature %v: %v", temperature, err)
		}
	}
	if _, err := daemon.Bench(context.Background(), daemon.BenchOptions{Config: daemon.Config{Model: path}}); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("bench: %v", err)
	}
}
