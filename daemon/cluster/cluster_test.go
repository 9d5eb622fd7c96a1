package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second // of tests, for what takes milliseconds

// until waits for ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, o Options) *Node {
	t.Helper()
	n, err := Open(background(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// coordinator listens on a free port.
func coordinator(t *testing.T) *Node {
	t.Helper()
	return open(t, Options{Name: "home", Listen: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "cluster")})
}

// invite makes an invitation's file for name to url, the coordinator's if "".
func invite(t *testing.T, home *Node, name, url string) string {
	t.Helper()
	if url == "" {
		url = home.URL()
	}
	v, err := Invite(home.opts.Dir, name, []string{url})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".json")
	if err := v.Write(path); err != nil {
		t.Fatal(err)
	}
	if err := home.broker.reload(); err != nil {
		t.Fatal(err)
	}
	return path
}

func member(t *testing.T, home *Node, name string) *Node {
	t.Helper()
	return open(t, Options{Invitation: invite(t, home, name, "")})
}

func names(members []Member) string {
	var list []string
	for _, m := range members {
		list = append(list, m.Name)
	}
	return strings.Join(list, " ")
}

func echo(_ context.Context, from string, request []byte) ([]byte, error) {
	return append([]byte(from+":"), request...), nil
}

func serve(t *testing.T, n *Node, model string, f func(context.Context, string, []byte) ([]byte, error)) (stop func()) {
	t.Helper()
	stop, err := n.Serve(model, f)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func TestAsk(t *testing.T) {
	home := coordinator(t)
	a, b := member(t, home, "a"), member(t, home, "b")
	ctx := background(t)
	serve(t, a, "qwen/3 30B:q4.K", echo)
	stop := serve(t, b, "other", echo)
	serve(t, b, "fails", func(context.Context, string, []byte) ([]byte, error) {
		return nil, errors.New("no\nroom " + strings.Repeat("é", 400))
	})
	serve(t, b, "nothing", func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
	serve(t, b, "much", func(context.Context, string, []byte) ([]byte, error) { return make([]byte, payloadLimit+1), nil })
	if _, err := a.Serve("qwen/3 30B:q4.K", echo); err == nil {
		t.Error("served twice")
	}

	got, err := home.Ask(ctx, "a", "qwen/3 30B:q4.K", []byte("x"))
	if err != nil || string(got) != "home:x" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := home.Ask(ctx, "b", "nothing", nil); err != nil || len(got) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
	for _, test := range []struct {
		host, model string
		size        int
		want        error
	}{
		{"a", "other", 1, ErrNobody},
		{"b", "qwen/3 30B:q4.K", 1, ErrNobody},
		{"c", "other", 1, ErrNobody},
		{"b", "other", payloadLimit + 1, ErrTooLarge},
		{"b", "much", 1, ErrTooLarge},
		{"a.b", "other", 1, ErrName},
		{"*", "other", 1, ErrName},
		{"b", "", 1, errModel},
	} {
		if _, err := home.Ask(ctx, test.host, test.model, make([]byte, test.size)); !errors.Is(err, test.want) {
			t.Errorf("%s %s: got %v, want %v", test.host, test.model, err, test.want)
		}
	}
	var remote *RemoteError
	if _, err := home.Ask(ctx, "b", "fails", nil); !errors.As(err, &remote) {
		t.Errorf("got %v", err)
	} else if !strings.HasPrefix(remote.Text, "no room é") || len(remote.Text) > longestError || remote.Member != "b" {
		t.Errorf("got %q of %s", remote.Text, remote.Member)
	}
	if _, err := a.Ask(ctx, "b", "other", nil); !errors.Is(err, ErrNotLead) {
		t.Errorf("a member asked: %v", err)
	}
	stop()
	until(t, "no longer served", func() bool {
		_, err := home.Ask(ctx, "b", "other", nil)
		return errors.Is(err, ErrNobody)
	})
	serve(t, b, "other", echo) // once more
	if got, err := home.Ask(ctx, "b", "other", nil); err != nil || string(got) != "home:" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRTT(t *testing.T) {
	home := coordinator(t)
	a := member(t, home, "a")
	ctx := background(t)
	if took, err := home.RTT(ctx, "a"); err != nil || took <= 0 {
		t.Errorf("RTT %v, %v", took, err)
	}
	if _, err := home.RTT(ctx, "c"); !errors.Is(err, ErrNobody) {
		t.Errorf("RTT to nobody: %v", err)
	}
	if _, err := a.RTT(ctx, "home"); !errors.Is(err, ErrNotLead) {
		t.Errorf("a member pinged: %v", err)
	}
}

func TestLargest(t *testing.T) {
	home := coordinator(t)
	a := member(t, home, "a")
	serve(t, a, "m", func(_ context.Context, _ string, b []byte) ([]byte, error) {
		slices.Reverse(b)
		return b, nil
	})
	if home.MaxPayload() != 8<<20 || a.MaxPayload() != 8<<20 {
		t.Fatalf("payloads of %d and %d", home.MaxPayload(), a.MaxPayload())
	}
	request := bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16)
	want := bytes.Clone(request)
	slices.Reverse(want)
	for range 3 {
		got, err := home.Ask(background(t), "a", "m", request)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
}

// TestWorkers floods a member that has two workers.
func TestWorkers(t *testing.T) {
	home := coordinator(t)
	a := open(t, Options{Invitation: invite(t, home, "a", ""), Workers: 2})
	entered, leave := make(chan struct{}, 100), make(chan struct{})
	serve(t, a, "m", func(_ context.Context, _ string, b []byte) ([]byte, error) {
		entered <- struct{}{}
		<-leave
		return b, nil
	})
	ctx := background(t)
	results := make(chan error, 20)
	for i := range cap(results) {
		go func() {
			want := fmt.Sprint(i)
			got, err := home.Ask(ctx, "a", "m", []byte(want))
			if err == nil && string(got) != want {
				err = fmt.Errorf("got %s, want %s", got, want)
			}
			results <- err
		}()
	}
	<-entered
	<-entered
	until(t, "all arrive", func() bool {
		a.works.mu.Lock()
		defer a.works.mu.Unlock()
		return len(a.works.open) == cap(results)
	})
	if len(entered) != 0 {
		t.Error("more than two at work")
	}
	close(leave)
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestCancel(t *testing.T) {
	home := coordinator(t)
	a := open(t, Options{Invitation: invite(t, home, "a", ""), Workers: 1})
	entered, ended := make(chan struct{}), make(chan error)
	serve(t, a, "m", func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(background(t))
	result := make(chan error)
	for range 2 { // the second waits for the worker
		go func() {
			_, err := home.Ask(ctx, "a", "m", nil)
			result <- err
		}()
	}
	<-entered
	until(t, "both arrive", func() bool {
		a.works.mu.Lock()
		defer a.works.mu.Unlock()
		return len(a.works.open) == 2
	})
	cancel()
	for range 2 {
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	for open := 2; open > 0; {
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("handler's context: %v", err)
			}
		case <-entered: // the worker was free before its cancellation came
		default:
			a.works.mu.Lock()
			open = len(a.works.open)
			a.works.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}
	home.asks.mu.Lock()
	defer home.asks.mu.Unlock()
	if len(home.asks.waiting) != 0 {
		t.Errorf("%d requests are still waited for", len(home.asks.waiting))
	}
}

func TestMembers(t *testing.T) {
	home := coordinator(t)
	changes := make(chan string, 100)
	stop := home.WatchMembers(func(list []Member) { changes <- names(list) })
	if first := <-changes; first != "" {
		t.Errorf("first %q", first)
	}
	a, b := member(t, home, "a"), member(t, home, "b")
	record := Member{Version: "1.2", Kernels: "avx2", Bytes: 5, Models: []Holding{{ID: "m", Header: "abc", Room: 7, Experts: 3, Revision: 9}}}
	if err := a.Announce(record); err != nil {
		t.Fatal(err)
	}
	until(t, "a is there", func() bool { return names(home.Members()) == "a" })
	if first := <-changes; first != "a" {
		t.Errorf("then %q", first)
	}
	m := home.Members()[0]
	if m.Boot != a.boot || m.Kernels != "avx2" || len(m.Models) != 1 || m.Models[0] != record.Models[0] || m.Seen.IsZero() {
		t.Errorf("got %+v", m)
	}
	b.Announce(Member{Name: "c"})
	until(t, "b is there", func() bool { return names(home.Members()) == "a b" })
	record.Models[0].Experts = 4
	a.Announce(record)
	until(t, "a says more", func() bool { return home.Members()[0].Models[0].Experts == 4 })
	s := home.Status()
	if s.Role != "coordinator" || !s.Connected || names(s.Members) != "a b" || s.URL != home.URL() {
		t.Errorf("got %+v", s)
	}
	if s := a.Status(); s.Role != "member" || s.Name != "a" || !s.Connected || s.Rejoins != 0 || len(s.Members) != 0 {
		t.Errorf("got %+v", s)
	}
	if err := a.Announce(Member{Version: "x\x1b[2J"}); err == nil {
		t.Error("announced a control sequence")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "a leaves", func() bool { return names(home.Members()) == "b" })
	stop()
	stop()
}

// BenchmarkAsk is a decode step's message: 8 KiB there, 32 KiB back, over TLS on
// the loopback.
func BenchmarkAsk(b *testing.B) {
	home, err := Open(b.Context(), Options{Name: "home", Listen: "127.0.0.1:0", Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer home.Close()
	v, err := Invite(home.opts.Dir, "a", []string{home.URL()})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "a.json")
	if err := errors.Join(v.Write(path), home.broker.reload()); err != nil {
		b.Fatal(err)
	}
	a, err := Open(b.Context(), Options{Invitation: path})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	request, answer := make([]byte, 8<<10), make([]byte, 32<<10)
	if _, err := a.Serve("m", func(context.Context, string, []byte) ([]byte, error) { return answer, nil }); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := home.Ask(b.Context(), "a", "m", request); err != nil {
			b.Fatal(err)
		}
	}
}
