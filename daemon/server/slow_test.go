package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSlowHeader: who does not finish a header is hung up on, and others are
// served meanwhile.
func TestSlowHeader(t *testing.T) {
	r := newRig(t, nil)
	h := r.HTTP(Unix)
	if h.ReadHeaderTimeout <= 0 || h.ReadHeaderTimeout > time.Minute || h.IdleTimeout <= 0 || h.MaxHeaderBytes != maxHeader || h.WriteTimeout != 0 || h.ReadTimeout != 0 {
		t.Errorf("timeouts %v %v %v %v, headers of %d", h.ReadHeaderTimeout, h.IdleTimeout, h.ReadTimeout, h.WriteTimeout, h.MaxHeaderBytes)
	}
	h.ReadHeaderTimeout = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go h.Serve(l) // until it is closed
	defer h.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /moed/v1/status HTTP/1.1\r\nHost: a\r\nX-Slow: ")
	if got := r.ask(t, Unix, "GET", "/moed/v1/live", ""); got.status != 200 {
		t.Errorf("meanwhile: %d", got.status)
	}
	if text, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 408") && len(text) > 0 {
		t.Errorf("%q, %v; want to be hung up on", text, err)
	}
}

// TestSlowBody: a body that does not come ends in an error, and one that comes
// leaves no deadline behind, which would end the request.
func TestSlowBody(t *testing.T) {
	read := make(chan error)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := newBody(w, r.Body)
		b.part = 30 * time.Millisecond
		_, err := io.ReadAll(b)
		read <- err
		if err == nil {
			time.Sleep(3 * b.part)
			if r.Context().Err() != nil {
				t.Error("the request has ended with the time for its body")
			}
		}
	}))
	defer s.Close()
	send := func(text string) net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, text)
		return c
	}
	defer send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").Close()
	if err := <-read; !os.IsTimeout(err) {
		t.Errorf("%v, want that it took too long", err)
	}
	c := send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
	defer c.Close()
	if err := <-read; err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200") {
		t.Errorf("%q, %v", text, err)
	}
}

// TestRefusedBody: a client that sends much before it listens gets to know why it
// is refused.
func TestRefusedBody(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{"/v1/embeddings", "/v1/nothing", "/v1/chat/completions"} {
		if got := r.ask(t, TCP, "POST", path, strings.Repeat("x", 3<<20)); got.status != 401 {
			t.Errorf("%s: %d, want 401", path, got.status)
		}
	}
	if got := r.ask(t, Unix, "POST", "/v1/nothing", strings.Repeat("x", 3<<20)); got.status != 404 {
		t.Errorf("%d, want 404", got.status)
	}
}

// TestLargeBody: what is too large is refused before it is read, or where its
// length is not said as soon as it is.
func TestLargeBody(t *testing.T) {
	r := newRig(t, nil)
	for _, header := range []string{"Content-Length: 2147483648", "Transfer-Encoding: chunked"} {
		c, err := net.Dial("unix", r.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /moed/v1/load HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", header)
		if strings.HasPrefix(header, "Transfer") {
			go func() { // until the server hangs up
				fmt.Fprintf(c, "%x\r\n{\"model\":\"", maxBody*2)
				for part := strings.Repeat("x", 1<<20); ; {
					if _, err := io.WriteString(c, part); err != nil {
						return
					}
				}
			}()
		}
		b := make([]byte, 12)
		if _, err := io.ReadFull(c, b); err != nil || b[9] != '4' {
			t.Errorf("%s: %q, %v; want a 4xx", header, b, err)
		}
	}
}
