package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testChunk = 100_000 // bytes; no divisor of a read

// model is the bytes of a small model, and their SHA-256.
func model(t *testing.T) ([]byte, string) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	return b, fmt.Sprintf("%x", sha256.Sum256(b))
}

// site serves one file as a test wants it.
type site struct {
	content []byte
	tag     string
	whole   bool // knows no ranges
	// cut ends the connection after so many bytes of the nth answer; below 0 never.
	cut func(n int) int
	// refuse answers the nth request with a status instead; 0 does not.
	refuse func(n int) int
	asked  []string // Range of each request
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := len(s.asked)
	s.asked = append(s.asked, r.Header.Get("Range"))
	if s.refuse != nil {
		if status := s.refuse(n); status != 0 {
			http.Error(w, "no", status)
			return
		}
	}
	if s.tag != "" {
		w.Header().Set("ETag", s.tag)
	}
	if s.whole {
		r.Header.Del("Range")
	}
	if s.cut != nil {
		if limit := s.cut(n); limit >= 0 {
			w = &cutWriter{w, limit}
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.content))
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// serve is a server over TLS and options to fetch its file with.
func serve(t *testing.T, h http.Handler) (*httptest.Server, Options) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	return server, Options{
		From: server.URL + "/m.gguf", To: filepath.Join(t.TempDir(), "m.gguf"), Transport: server.Client().Transport,
		Pause: time.Millisecond, Chunk: testChunk, Reserve: 1,
	}
}

// checkFile compares what Get left with want: the file, its manifest, and
// nothing else.
func checkFile(t *testing.T, o Options, want []byte) {
	t.Helper()
	got, err := os.ReadFile(o.To)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("file of %d bytes, %v; want the %d served", len(got), err, len(want))
	}
	m, err := ReadManifest(o.To)
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(want)); m.SHA256 != sum {
		t.Errorf("manifest says %s, want %s", m.SHA256, sum)
	}
	if bad, err := Verify(context.Background(), o.To, m, nil); err != nil || len(bad) > 0 {
		t.Errorf("chunks %v, %v", bad, err)
	}
	if names := names(t, o); len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}

func names(t *testing.T, o Options) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(o.To))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestGet(t *testing.T) {
	content, sum := model(t)
	tests := []struct {
		name string
		site site
		says string // part of what is said; "" is nothing
		asks int    // at least
	}{
		{name: "plain", site: site{tag: `"a"`}, asks: 1},
		{name: "no tag", asks: 1},
		{name: "cut once", site: site{tag: `"a"`, cut: func(n int) int { return 500_000 - n*500_001 }}, says: "unexpected EOF; trying again", asks: 2},
		{name: "cut in the header, no tag", site: site{cut: func(n int) int { return 10 - n*11 }}, says: "trying again", asks: 2},
		{name: "busy", site: site{refuse: func(n int) int { return []int{503, 429, 500, 0, 0}[n] }}, says: "503 Service Unavailable; trying again", asks: 4},
		{name: "no ranges", site: site{whole: true, cut: func(n int) int { return 700_000 - n*700_001 }}, says: "does not go on where", asks: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.site.content = content
			_, o := serve(t, &test.site)
			var said strings.Builder
			o.Say = func(line string) { fmt.Fprintln(&said, line) }
			r, err := Get(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.SHA256 != sum || r.Bytes != int64(len(content)) || r.Attempts != len(test.site.asked) {
				t.Errorf("result %+v", r)
			}
			if len(test.site.asked) < test.asks || test.says == "" != (said.Len() == 0) || !strings.Contains(said.String(), test.says) {
				t.Errorf("asked %q, said %q", test.site.asked, said.String())
			}
			checkFile(t, o, content)
		})
	}
}

// Connections end wherever they like; each attempt asks for the rest only.
func TestCutsAnywhere(t *testing.T) {
	content, _ := model(t)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := &site{content: content, tag: `"a"`, cut: func(n int) int {
			if n > 30 {
				return -1
			}
			return overlap + random.IntN(300_000)
		}}
		_, o := serve(t, s)
		if _, err := Get(context.Background(), o); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkFile(t, o, content)
		if len(s.asked) < 3 || s.asked[0] != "" || !strings.HasPrefix(s.asked[2], "bytes=") {
			t.Errorf("seed %d: asked %q", seed, s.asked)
		}
	}
}

// A download that ends with its process goes on in the next.
func TestResume(t *testing.T) {
	content, _ := model(t)
	s := &site{content: content, tag: `"a"`, cut: func(n int) int { return 1_000_000 - 10_000_000*n }}
	_, o := serve(t, s)
	stopped, stop := context.WithCancel(context.Background())
	o.Say = func(string) { stop() } // with the first failure
	if _, err := Get(stopped, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if got := fmt.Sprint(names(t, o)); got != "[m.gguf.part m.gguf.part.json]" {
		t.Fatalf("a stopped download leaves %s", got)
	}
	f, err := os.OpenFile(partPath(o.To), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("what was written after the checkpoint") // is not believed
	f.Close()
	o.Say = func(line string) { t.Errorf("said %q", line) }
	r, err := Get(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Resumed != 1_000_000 || s.asked[1] != fmt.Sprintf("bytes=%d-", 1_000_000-overlap) {
		t.Errorf("resumed %d, asked %q", r.Resumed, s.asked)
	}
	checkFile(t, o, content)
}

func TestStall(t *testing.T) {
	content, _ := model(t)
	asked := 0
	_, o := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write(content[:400_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	o.Stall = 100 * time.Millisecond
	said := ""
	o.Say = func(line string) { said += line }
	if _, err := Get(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, ErrStalled.Error()) {
		t.Errorf("said %q", said)
	}
	checkFile(t, o, content)
}

// Bytes may come as slowly as they like.
func TestSlow(t *testing.T) {
	content, _ := model(t)
	_, o := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for at := 0; at < len(content); at += 100_000 { // no length either
			w.Write(content[at:min(len(content), at+100_000)])
			w.(http.Flusher).Flush()
			time.Sleep(60 * time.Millisecond)
		}
	}))
	o.Stall = time.Second // less than all of it takes
	o.Say = func(line string) { t.Errorf("said %q", line) }
	if _, err := Get(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	checkFile(t, o, content)
}
