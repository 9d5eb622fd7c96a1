package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What comes after a change is not put behind what came before it.
func TestChanged(t *testing.T) {
	content, _ := model(t)
	other := bytes.Clone(content)
	for i := 1_500_000; i < len(other); i++ {
		other[i] ^= 1
	}
	near := bytes.Clone(other)
	near[1_199_000] ^= 1 // before the cut, within what is compared
	longer := append(bytes.Clone(content), 1)
	for name, change := range map[string]func(*site){
		"tag":     func(s *site) { s.content, s.tag = other, `"b"` },
		"length":  func(s *site) { s.content = longer },
		"content": func(s *site) { s.content = near },
		"shorter": func(s *site) { s.content, s.tag = content[:len(content)-1], "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{content: content, tag: `"a"`, cut: func(n int) int { return 1_200_000 - 10_000_000*n }}
			_, o := serve(t, s)
			said := ""
			o.Say = func(line string) {
				said += line + "\n"
				if strings.Contains(line, "trying again") {
					change(s)
				}
			}
			_, err := Get(context.Background(), o)
			if name == "shorter" { // a model that is cut off is no model
				var format *FormatError
				if !errors.As(err, &format) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(said, "the file has changed") {
				t.Errorf("said %q", said)
			}
			checkFile(t, o, s.content)
		})
	}
}

func TestRefused(t *testing.T) {
	content, sum := model(t)
	wrong := strings.Repeat("0", 64)
	tests := []struct {
		name   string
		site   site
		change func(*Options)
		want   string
		asks   int  // at most
		keeps  bool // the part
	}{
		{name: "404", site: site{refuse: func(int) int { return 404 }}, want: "404 Not Found", asks: 1},
		{name: "403", site: site{refuse: func(int) int { return 403 }}, want: "403 Forbidden", asks: 1},
		{name: "no model", site: site{content: []byte(strings.Repeat("<!DOCTYPE html>", 1e6))}, want: `not a GGUF file: begins with "<!DO"`, asks: 1},
		{name: "empty", want: "not a GGUF file: 0 bytes long", asks: 1},
		{name: "broken header", site: site{content: append([]byte("GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), make([]byte, 1e6)...)}, want: "tensor count", asks: 1},
		{name: "cut off", site: site{content: content[:1_000_000]}, want: "file has 1000000", asks: 1},
		{name: "never more", site: site{content: content, cut: func(int) int { return 10 }}, want: "4 attempts without a new byte: unexpected EOF", asks: 4, keeps: true},
		{name: "another sum", site: site{content: content}, change: func(o *Options) { o.SHA256 = wrong }, want: "SHA-256 is " + sum + ", want " + wrong, asks: 1, keeps: true},
		{name: "no sum", change: func(o *Options) { o.SHA256 = "abc" }, want: `found "abc", want the 64 hexadecimal digits`},
		{name: "offline", change: func(o *Options) { o.Offline = true }, want: "the network is not to be used"},
		{name: "no room", site: site{content: content}, change: func(o *Options) { o.Reserve = 1 << 60 }, want: "no room in ", asks: 1},
		{name: "http", change: func(o *Options) { o.From = strings.Replace(o.From, "https", "http", 1) }, want: "http can be read and changed on its way"},
		{name: "ftp", change: func(o *Options) { o.From = "ftp://x/y" }, want: "addresses begin with https, not ftp"},
		{name: "another certificate", change: func(o *Options) { o.Transport = nil }, want: "certificate"},
		{name: "no such host", change: func(o *Options) { o.From = "https://u:secret@moed.invalid/m.gguf?key=secret" }, want: "moed.invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, o := serve(t, &test.site)
			o.Attempts = 4
			if test.change != nil {
				test.change(&o)
			}
			_, err := Get(context.Background(), o)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if len(test.site.asked) > test.asks {
				t.Errorf("asked %d times, want %d", len(test.site.asked), test.asks)
			}
			if left := names(t, o); (len(left) > 0) != test.keeps {
				t.Errorf("left %v", left)
			}
		})
	}
}

// Something that is no model is refused in its first megabytes.
func TestWrongFileEndsEarly(t *testing.T) {
	var sent atomic.Int64 // the handler may still be writing when Get is back
	_, o := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<30))
		for block := make([]byte, 1<<16); ; sent.Add(int64(len(block))) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	if _, err := Get(context.Background(), o); err == nil || !strings.Contains(err.Error(), "not a GGUF file") {
		t.Fatalf("got %v", err)
	}
	if sent := sent.Load(); sent > 64<<20 { // buffers of sockets
		t.Errorf("%d bytes were sent", sent)
	}
}

func TestRedirects(t *testing.T) {
	content, sum := model(t)
	var secret, cookie string
	target, o := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			secret, cookie = r.Header.Get("Authorization"), r.Header.Get("Cookie")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		case "/m.gguf":
			w.Header().Set("X-Linked-Etag", `"`+sum+`"`)
			http.Redirect(w, r, "/good?token=secret", http.StatusFound)
		case "/lie":
			w.Header().Set("X-Linked-Etag", `"`+strings.Repeat("1", 64)+`"`)
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/plain":
			http.Redirect(w, r, "http://"+r.Host+"/good", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	}))
	r, err := Get(context.Background(), o)
	if err != nil || !r.Stated {
		t.Fatalf("%+v, %v", r, err)
	}
	checkFile(t, o, content)
	if secret != "" || cookie != "" {
		t.Errorf("sent on: %q %q", secret, cookie)
	}
	for path, want := range map[string]string{"/lie": "SHA-256 is " + sum, "/plain": "redirected from https to http://", "/loop": "more than 10 redirects"} {
		o.From, o.To = target.URL+path, filepath.Join(t.TempDir(), "m.gguf")
		if _, err := Get(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}
