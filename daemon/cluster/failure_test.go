package cluster

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// line is a TCP connection's way that can be cut, or go silent.
type line struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	conns  []net.Conn
	silent bool
	closed bool
	wake   *sync.Cond
}

func newLine(t *testing.T, url string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, target: strings.TrimPrefix(url, "tls://")}
	l.wake = sync.NewCond(&l.mu)
	go l.accept()
	t.Cleanup(func() {
		listener.Close()
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.cut()
		l.wake.Broadcast()
	})
	return l
}

func (l *line) url() string { return "tls://" + l.listener.Addr().String() }

func (l *line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil {
			near.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		go l.carry(near, far)
		go l.carry(far, near)
	}
}

func (l *line) carry(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		l.mu.Lock()
		for l.silent && !l.closed {
			l.wake.Wait()
		}
		l.mu.Unlock()
		if _, e := to.Write(b[:n]); e != nil || err != nil {
			return
		}
	}
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (l *line) silence(on bool) {
	l.mu.Lock()
	l.silent = on
	l.mu.Unlock()
	l.wake.Broadcast()
}

// quick is a coordinator with a short TTL.
func quick(t *testing.T) *Node {
	t.Helper()
	return open(t, Options{Name: "home", Listen: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "cluster"), TTL: shortTTL})
}

// hang serves a model that never answers, and says when it was asked.
func hang(t *testing.T, n *Node) <-chan struct{} {
	t.Helper()
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	t.Cleanup(func() { close(leave) })
	serve(t, n, "hang", func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		entered <- struct{}{}
		select {
		case <-ctx.Done():
		case <-leave:
		}
		return nil, ctx.Err()
	})
	return entered
}

func askHang(home *Node) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := home.Ask(context.Background(), "a", "hang", nil)
		result <- err
	}()
	return result
}

func outcomeOf(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		t.Fatal("hangs")
		return nil
	}
}

// TestCut breaks a member's connection while it works.
func TestCut(t *testing.T) {
	home := coordinator(t) // its TTL is too long to be what ends the request
	l := newLine(t, home.URL())
	a := open(t, Options{Invitation: invite(t, home, "a", l.url())})
	a.Announce(Member{})
	entered := hang(t, a)
	serve(t, a, "m", echo)
	until(t, "a is there", func() bool { return names(home.Members()) == "a" })
	began := time.Now()
	result := askHang(home)
	<-entered
	l.listener.Close() // it cannot come back at once
	l.cut()
	if err := outcomeOf(t, result); !errors.Is(err, ErrNobody) {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

// TestRejoinWhileAsked breaks a connection that comes back at once: what was
// asked over the old one is lost, and must not hang.
func TestRejoinWhileAsked(t *testing.T) {
	home := coordinator(t)
	a := member(t, home, "a") // not announced
	entered := hang(t, a)
	result := askHang(home)
	<-entered
	if err := a.conn.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	until(t, "a is back", func() bool { _, err := home.RTT(background(t), "a"); return err == nil })
	if err := outcomeOf(t, result); !errors.Is(err, ErrNobody) {
		t.Errorf("got %v", err)
	}
	result = askHang(home)
	<-entered
	time.Sleep(3 * probeEvery) // long enough for it to be taken for lost, if it were
	select {
	case err := <-result:
		t.Errorf("asked over the new connection, got %v", err)
	default:
	}
}

// TestSilent stops a member's connection without closing it, as a host that
// hangs does, and lets it come back.
func TestSilent(t *testing.T) {
	home := quick(t)
	l := newLine(t, home.URL())
	a := open(t, Options{Invitation: invite(t, home, "a", l.url())})
	a.Announce(Member{})
	entered := hang(t, a)
	serve(t, a, "m", echo)
	until(t, "a is there", func() bool { return names(home.Members()) == "a" })
	result := askHang(home)
	<-entered
	l.silence(true)
	if err := outcomeOf(t, result); !errors.Is(err, ErrNobody) {
		t.Errorf("got %v", err)
	}
	until(t, "a is gone", func() bool { return names(home.Members()) == "" })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := home.Ask(ctx, "a", "m", nil); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrNobody) {
		t.Errorf("got %v", err)
	}
	l.silence(false)
	until(t, "a is back", func() bool {
		got, err := home.Ask(background(t), "a", "m", []byte("x"))
		return err == nil && string(got) == "home:x" && names(home.Members()) == "a"
	})
}

// TestKilled closes a member's connection for good, without a word.
func TestKilled(t *testing.T) {
	home := quick(t)
	path := invite(t, home, "a", "")
	a := open(t, Options{Invitation: path})
	a.Announce(Member{})
	until(t, "a is there", func() bool { return names(home.Members()) == "a" })
	a.conn.Close()
	until(t, "a is gone", func() bool { return names(home.Members()) == "" })
	again := open(t, Options{Invitation: path})
	again.Announce(Member{})
	until(t, "a is back", func() bool { return names(home.Members()) == "a" && home.Members()[0].Boot == again.boot })
}

// TestApart has the coordinator's connection break under a request.
func TestApart(t *testing.T) {
	home := coordinator(t)
	a := member(t, home, "a")
	entered := hang(t, a)
	serve(t, a, "m", echo)
	result := askHang(home)
	<-entered
	if err := home.conn.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	if err := outcomeOf(t, result); !errors.Is(err, ErrApart) {
		t.Errorf("got %v", err)
	}
	until(t, "it is back", func() bool {
		got, err := home.Ask(background(t), "a", "m", nil)
		return err == nil && string(got) == "home:"
	})
	a.Announce(Member{})
	until(t, "it hears of a", func() bool { return names(home.Members()) == "a" })
}

// TestClose closes both ends under requests.
func TestClose(t *testing.T) {
	home := coordinator(t)
	a := member(t, home, "a")
	entered, leave := make(chan struct{}), make(chan struct{})
	serve(t, a, "m", func(_ context.Context, _ string, b []byte) ([]byte, error) {
		entered <- struct{}{}
		<-leave
		return b, nil
	})
	type result struct {
		data []byte
		err  error
	}
	results := make(chan result, 1)
	ask := func() {
		data, err := home.Ask(context.Background(), "a", "m", []byte("x"))
		results <- result{data, err}
	}
	a.Announce(Member{})
	until(t, "a is there", func() bool { return names(home.Members()) == "a" })
	go ask()
	<-entered
	closed := make(chan error)
	go func() { closed <- a.Close() }()
	until(t, "a takes no more", func() bool {
		a.works.mu.Lock()
		defer a.works.mu.Unlock()
		return a.works.ended
	})
	until(t, "a left", func() bool { return names(home.Members()) == "" })
	close(leave)
	if got := <-results; got.err != nil || string(got.data) != "x" {
		t.Errorf("what a worked on: %q, %v", got.data, got.err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := a.Serve("m", echo); !errors.Is(err, ErrClosed) {
		t.Errorf("serve on a closed node: %v", err)
	}
	ask()
	if got := <-results; !errors.Is(got.err, ErrNobody) {
		t.Errorf("ask a closed node: %v", got.err)
	}
	if err := home.Close(); err != nil {
		t.Error(err)
	}
	ask()
	if got := <-results; !errors.Is(got.err, ErrClosed) {
		t.Errorf("ask from a closed node: %v", got.err)
	}
	if err := home.Close(); err != nil {
		t.Error(err)
	}
	home.WatchMembers(func([]Member) { t.Error("called on a closed node") })
	if _, err := home.WatchPlan(context.Background(), "m", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("watch on a closed node: %v", err)
	}
}

// TestNoLeaks counts goroutines around whole lives.
func TestNoLeaks(t *testing.T) {
	life := func() {
		home, err := Open(background(t), Options{Name: "home", Listen: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "cluster")})
		if err != nil {
			t.Fatal(err)
		}
		a, err := Open(background(t), Options{Invitation: invite(t, home, "a", "")})
		if err != nil {
			t.Fatal(err)
		}
		a.Announce(Member{})
		home.WatchMembers(func([]Member) {})
		serve(t, a, "m", echo)
		hang(t, a)
		a.WatchPlan(context.Background(), "m", func(uint64, []byte) {})
		if _, err := home.Ask(background(t), "a", "m", nil); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Close(), home.Close()); err != nil {
			t.Fatal(err)
		}
	}
	life() // what libraries start once
	var before int
	until(t, "calm", func() bool {
		last := before
		before = runtime.NumGoroutine()
		return last == before
	})
	for range 3 {
		life()
	}
	end := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(end) {
			b := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}
