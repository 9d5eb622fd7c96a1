package openai_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/daemon"
	"moed/daemon/openai"
	"moed/moe/gguf"
	"moed/moe/stories"
)

// chatTemplate makes the text that the story model is known to continue, and has
// the marks by which a model is taken to call tools and to think.
const chatTemplate = `{{ bos_token }}{% if tools %}{# "<tool_call>\n{"name": "", "arguments": {}}\n</tool_call>" #}{% endif %}{% if enable_thinking is defined %}{% endif %}` +
	`{% for m in messages %}{% if m.tool_calls %}{{ m.tool_calls[0].function.name }} {% endif %}{{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}`

// shelf has the story model twice: as it is, and as "chat" with a chat template
// and tokens for filling in the middle.
func shelf(t testing.TB) *daemon.Shelf {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "story.gguf"), nil)
	write(t, filepath.Join(dir, "chat.gguf"), map[string]any{
		"tokenizer.chat_template":         chatTemplate,
		"tokenizer.ggml.fim_pre_token_id": uint32(5), "tokenizer.ggml.fim_suf_token_id": uint32(6), "tokenizer.ggml.fim_mid_token_id": uint32(7),
	})
	s, err := daemon.NewShelf(daemon.ShelfOptions{Dirs: []string{dir}, Default: "story",
		Engine: daemon.Config{Memory: "1G", Flash: daemon.FlashConfig{Profile: daemon.NoProfile}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// write writes the story model with further keys.
func write(t testing.TB, path string, keys map[string]any) {
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
		if err := w.AddBytes(tensor.Name, tensor.Type, tensor.Dims, im.Data(tensor)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// handler serves shelf s to an admin, or to somebody else.
func handler(s *daemon.Shelf, admin bool) http.Handler {
	mux := http.NewServeMux()
	openai.Handle(mux, s, openai.Options{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(daemon.WithCaller(r.Context(), daemon.Caller{UID: 7, Admin: admin})))
	})
}

func serve(t testing.TB, s *daemon.Shelf, admin bool) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler(s, admin))
	t.Cleanup(server.Close)
	return server
}

// ask sends a body and returns the status, the header and the answer.
func ask(t testing.TB, server *httptest.Server, method, path, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(all)
}

// event is one of a stream, with its name where it has one.
type event struct {
	name string
	data map[string]any
}

// events reads a stream; comments are left out, and so is [DONE], which has to be
// the end where done is true and must not be there otherwise.
func events(t testing.TB, body string, done bool) []event {
	t.Helper()
	if rest, ok := strings.CutSuffix(body, "data: [DONE]\n\n"); ok != done {
		t.Errorf("[DONE] at the end: %v, want %v", ok, done)
	} else {
		body = rest
	}
	var out []event
	for _, block := range strings.Split(strings.TrimSpace(body), "\n\n") {
		var e event
		for s := bufio.NewScanner(strings.NewReader(block)); s.Scan(); {
			if name, ok := strings.CutPrefix(s.Text(), "event: "); ok {
				e.name = name
			}
			if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
				e.data = object(t, data)
			}
		}
		if e.data != nil {
			out = append(out, e)
		}
	}
	return out
}

// object reads one JSON object.
func object(t testing.TB, body string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return out
}
