package moe

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"moed/moe/gguf"
	"moed/moe/moetest"
)

func tinyBytes(t testing.TB, form string) []byte {
	t.Helper()
	w, err := moetest.Spec{Model: form}.Writer()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tryOpen opens data and, where that works, runs two tokens. Whatever the
// bytes are, it must come back.
func tryOpen(data []byte) error {
	m, err := FromBytes("hostile", data, Options{Threads: 1, Batch: 2, Context: 2})
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Prefill(context.Background(), []int32{1, 2}, PrefillOptions{})
	return err
}

// TestHostileHeaders changes one byte of the header at a time.
func TestHostileHeaders(t *testing.T) {
	for _, form := range moetest.Models() {
		data := tinyBytes(t, form)
		f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := tryOpen(data); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range 150 {
			at := r.IntN(int(f.DataOffset))
			old := data[at]
			data[at] ^= byte(1 << r.IntN(8))
			_ = tryOpen(data) // an error or none; a panic fails the test
			data[at] = old
		}
	}
}

func TestUnsupportedArchitecture(t *testing.T) {
	w := gguf.NewWriter()
	if err := w.Set("general.architecture", "mamba"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	_, err := FromBytes("x", b.Bytes(), Options{})
	if err == nil || !strings.Contains(err.Error(), `"mamba"`) || !strings.Contains(err.Error(), "qwen3moe") {
		t.Errorf("error %v, want one that names mamba and the supported architectures", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, form := range []string{"qwen3moe", "deepseek2-v3", "gpt-oss"} {
		f.Add(tinyBytes(f, form))
	}
	f.Fuzz(func(t *testing.T, data []byte) { _ = tryOpen(data) })
}
