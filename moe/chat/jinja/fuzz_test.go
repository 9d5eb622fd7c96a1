package jinja

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzTemplate runs any source on fixed variables: it must end soon, in a text
// or an error, and twice in the same.
func FuzzTemplate(f *testing.F) {
	raw, vectors := readVectors(f)
	for _, v := range vectors {
		f.Add(*v[0])
	}
	paths, err := filepath.Glob("../../../testdata/templates/*/template.jinja")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no templates: %v", err)
	}
	for _, p := range paths {
		source, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(source))
	}
	vars := varsOf(f, raw)
	if err := vars.Set("messages", vars.vars["m"]); err != nil {
		f.Fatal(err)
	}
	limits := Limits{Steps: 20_000, Memory: 1 << 20, Output: 1 << 16}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse(source)
		if err != nil {
			return
		}
		begin := time.Now()
		a, errA := tmpl.Render(context.Background(), vars, fixedNow, limits)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		b, errB := tmpl.Render(context.Background(), vars, fixedNow, limits)
		if a != b || (errA == nil) != (errB == nil) {
			t.Errorf("first %q, %v, then %q, %v", a, errA, b, errB)
		}
		if len(a) > limits.Output {
			t.Errorf("%d bytes of text", len(a))
		}
		if errA != nil && len(errA.Error()) > 2*maxMessage {
			t.Errorf("an error of %d bytes", len(errA.Error()))
		}
	})
}
