package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// locked is a buffer that a test may read while a ui writes to it.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestConclude(t *testing.T) {
	tests := map[string]struct {
		err  error
		code int
		said string
	}{
		"nothing":            {nil, 0, ""},
		"a failure":          {errors.New("no such thing"), 1, "moed: no such thing\n"},
		"with a hint":        {withHint(errors.New("no"), "try %d", 5), 1, "moed: no\nmoed: hint: try 5\n"},
		"a wrong line":       {usagef("what"), 2, "moed: what\nmoed: hint: moed -h lists the commands, moed COMMAND -h a command's flags\n"},
		"wrong, with a hint": {withHint(usagef("what"), "so"), 2, "moed: what\nmoed: hint: so\n"},
		"an interrupt":       {errInterrupted, 130, ""},
		"the reader left":    {fmt.Errorf("write: %w", syscall.EPIPE), 0, ""},
		"a verb in the text": {errors.New("100%s"), 1, "moed: 100%s\n"},
	}
	for name, test := range tests {
		var said bytes.Buffer
		if code := newUI(Streams{Err: &said}).conclude(test.err); code != test.code || said.String() != test.said {
			t.Errorf("%s: got %d and %q, want %d and %q", name, code, said.String(), test.code, test.said)
		}
	}
}

func TestWhileWaiting(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		t.Run(fmt.Sprintf("terminal %v", terminal), func(t *testing.T) {
			t.Parallel()
			var said locked
			u := newUI(Streams{Err: &said})
			u.terminal = terminal
			done := u.whileWaiting(func() string { return "soon" })
			done()
			done()
			if said.String() != "" {
				t.Errorf("said %q at once", said.String())
			}
			done = u.whileWaiting(func() string { return "loading" })
			for deadline := time.Now().Add(10 * time.Second); !strings.Contains(said.String(), "loading") && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond)
			}
			done()
			want := "moed: loading\n"
			if terminal {
				want = "moed: loading\r" + strings.Repeat(" ", len("moed: loading")) + "\r"
			}
			if got := said.String(); !strings.HasSuffix(got, strings.TrimPrefix(want, "moed: ")) {
				t.Errorf("said %q, want %q at the end", got, want)
			}
			before := said.String()
			time.Sleep(300 * time.Millisecond)
			if said.String() != before {
				t.Error("it spoke after it was done")
			}
		})
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 5_740_000: "5.7 MB", 17_330_000_000: "17.33 GB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	if got := clean("a\x1b[31mb\nc\u0085d é"); got != "a?[31mb?c?d é" {
		t.Errorf("got %q", got)
	}
}
