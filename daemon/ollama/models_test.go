package ollama_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRootAndVersion(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/", "Ollama is running"}, {"HEAD", "/", ""},
		{"GET", "/api/version", `{"version":"0.17.4"}`}, {"HEAD", "/api/version", ""},
	} {
		if code, _, body := ask(t, server, c.method, c.path, ""); code != http.StatusOK || strings.TrimSpace(body) != c.want {
			t.Errorf("%s %s: %d %q", c.method, c.path, code, body)
		}
	}
}

// complete reports the fields of a model's details that are missing.
func complete(t *testing.T, m map[string]any) {
	t.Helper()
	d, _ := m["details"].(map[string]any)
	for _, key := range []string{"format", "family", "parameter_size", "quantization_level"} {
		if s, _ := d[key].(string); s == "" {
			t.Errorf("details without %s: %v", key, d)
		}
	}
}

func TestTags(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, body := ask(t, server, "GET", "/api/tags", "")
	names := ""
	for _, m := range object(t, body)["models"].([]any) {
		m := m.(map[string]any)
		names += m["name"].(string) + " "
		complete(t, m)
		digest, _ := m["digest"].(string)
		if m["model"] != m["name"] || m["size"].(float64) <= 0 || len(digest) != 64 {
			t.Errorf("model %v", m)
		}
		if at, err := time.Parse(time.RFC3339Nano, m["modified_at"].(string)); err != nil || at.IsZero() {
			t.Errorf("modified at %v: %v", m["modified_at"], err)
		}
	}
	if !strings.Contains(names, "chat ") || !strings.Contains(names, "story ") {
		t.Errorf("models %s", names)
	}
}

func TestPs(t *testing.T) {
	server := serve(t, shelf(t), true)
	if _, _, body := ask(t, server, "GET", "/api/ps", ""); strings.TrimSpace(body) != `{"models":[]}` {
		t.Errorf("nothing is loaded, but %s", body)
	}
	ask(t, server, "POST", "/api/generate", `{"model":"story","keep_alive":-1}`)
	_, _, body := ask(t, server, "GET", "/api/ps", "")
	all := object(t, body)["models"].([]any)
	if len(all) != 1 {
		t.Fatalf("models %s", body)
	}
	m := all[0].(map[string]any)
	complete(t, m)
	expires, err := time.Parse(time.RFC3339Nano, m["expires_at"].(string))
	if err != nil || time.Until(expires) < 24*time.Hour || m["context_length"].(float64) <= 0 || m["size_vram"] != 0.0 {
		t.Errorf("model %v: %v", m, err)
	}
}

func TestShow(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, field := range []string{"model", "name"} {
		code, _, body := ask(t, server, "POST", "/api/show", `{"`+field+`":"chat"}`)
		if code != http.StatusOK {
			t.Fatalf("%d: %s", code, body)
		}
		m := object(t, body)
		complete(t, m)
		about := m["model_info"].(map[string]any)
		arch, _ := about["general.architecture"].(string)
		for _, key := range []string{".context_length", ".embedding_length", ".block_count", ".expert_count"} {
			if n, _ := about[arch+key].(float64); n <= 0 {
				t.Errorf("%s%s is %v", arch, key, about[arch+key])
			}
		}
		if m["template"] != chatTemplate || m["modelfile"] == "" || m["parameters"] == "" || about["tokenizer.ggml.tokens"] != nil {
			t.Errorf("shown %v", m)
		}
		can := ""
		for _, c := range m["capabilities"].([]any) {
			can += c.(string) + " "
		}
		if can != "completion tools insert " {
			t.Errorf("capabilities %s", can)
		}
	}
	_, _, body := ask(t, server, "POST", "/api/show", `{"model":"chat","verbose":true}`)
	if list, _ := object(t, body)["model_info"].(map[string]any)["tokenizer.ggml.tokens"].([]any); len(list) < 100 {
		t.Errorf("verbose shows %d tokens", len(list))
	}
}

// TestPull: what is there needs no pulling, and nothing else can be.
func TestPull(t *testing.T) {
	server := serve(t, shelf(t), true)
	if code, _, body := ask(t, server, "POST", "/api/pull", `{"name":"story"}`); code != http.StatusOK || strings.TrimSpace(body) != `{"status":"success"}` {
		t.Errorf("%d: %s", code, body)
	}
	if code, _, body := ask(t, server, "POST", "/api/pull", `{"model":"llama3.2"}`); code != http.StatusNotImplemented || !strings.Contains(body, "moed pull llama3.2") {
		t.Errorf("%d: %s", code, body)
	}
}

// TestRefused: what moed does not do is refused in words.
func TestRefused(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, c := range []string{"POST /api/embed", "POST /api/embeddings", "POST /api/create", "POST /api/push", "POST /api/copy", "DELETE /api/delete",
		"POST /api/blobs/sha256:0", "HEAD /api/blobs/sha256:0", "POST /api/me", "POST /api/signout"} {
		method, path, _ := strings.Cut(c, " ")
		code, _, body := ask(t, server, method, path, `{"model":"story","input":"x"}`)
		if code != http.StatusNotImplemented || method != "HEAD" && object(t, body)["error"] == "" {
			t.Errorf("%s: %d %s", c, code, body)
		}
	}
}
