package jinja

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readVectors(t testing.TB) (raw json.RawMessage, vectors [][2]*string) {
	t.Helper()
	file, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Vars    json.RawMessage
		Vectors [][2]*string
	}
	if err := json.Unmarshal(file, &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Vectors) < 150 {
		t.Fatalf("only %d vectors", len(in.Vectors))
	}
	return in.Vars, in.Vectors
}

func varsOf(t testing.TB, object json.RawMessage) *Vars {
	t.Helper()
	var d Decoder
	v, err := d.Decode(object)
	if err != nil {
		t.Fatal(err)
	}
	var vars Vars
	keys, vals, _ := Pairs(v)
	for i, k := range keys {
		if err := vars.Set(k.(string), vals[i]); err != nil {
			t.Fatal(err)
		}
	}
	return &vars
}

func fixedNow() time.Time { return time.Date(2026, 11, 2, 15, 4, 5, 0, time.UTC) }

func render(source string, vars *Vars) (string, error) {
	tmpl, err := Parse(source)
	if err != nil {
		return "", err
	}
	return tmpl.Render(context.Background(), vars, fixedNow, Limits{})
}

// TestVectors holds the engine against texts that Jinja2 itself made; see
// testdata/vectors.py.
func TestVectors(t *testing.T) {
	raw, vectors := readVectors(t)
	vars := varsOf(t, raw)
	for _, v := range vectors {
		source, want := *v[0], v[1]
		got, err := render(source, vars)
		switch {
		case want == nil && err == nil:
			t.Errorf("%q gives %q, in Jinja an error", source, got)
		case want != nil && err != nil:
			t.Errorf("%q: %v; in Jinja %q", source, err, *want)
		case want != nil && got != *want:
			t.Errorf("%q (-Jinja +got):\n%s", source, cmp.Diff(*want, got))
		}
	}
}
