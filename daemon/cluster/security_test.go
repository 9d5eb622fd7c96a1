package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

func readFile(t *testing.T, path string) *Invitation {
	t.Helper()
	v, err := readInvitation(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func seedOption(t *testing.T, seed []byte) nats.Option {
	t.Helper()
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return nats.Nkey(public, pair.Sign)
}

// TestStranger tries to join with everything but a key that was invited.
func TestStranger(t *testing.T) {
	home := coordinator(t)
	path := invite(t, home, "a", "")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(readFile(t, path).CA))
	trusting := nats.Secure(&tls.Config{RootCAs: pool, ServerName: serverName})
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]nats.Option{
		"no TLS":             {nats.NoEcho()},
		"TLS late":           {trusting},
		"no key":             {trusting, nats.TLSHandshakeFirst()},
		"own key":            {trusting, nats.TLSHandshakeFirst(), seedOption(t, seed)},
		"a user's name":      {trusting, nats.TLSHandshakeFirst(), nats.UserInfo("a", "")},
		"a token":            {trusting, nats.TLSHandshakeFirst(), nats.Token("a")},
		"the server unknown": {nats.Secure(&tls.Config{ServerName: serverName}), nats.TLSHandshakeFirst()},
	} {
		address := strings.Replace(home.URL(), "tls://", "nats://", 1)
		conn, err := nats.Connect(address, append(options, nats.Timeout(300*time.Millisecond), nats.NoReconnect())...)
		if err == nil {
			t.Errorf("%s: joined", name)
			conn.Close()
		}
	}
}

// TestPlainText speaks the protocol without TLS: the server says nothing.
func TestPlainText(t *testing.T) {
	home := coordinator(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(home.URL(), "tls://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "CONNECT {\"verbose\":true}\r\nSUB > 1\r\nPING\r\n")
	got, _ := io.ReadAll(conn) // a reset is as good as an end
	for _, word := range []string{"INFO", "OK", "PONG", "moed"} {
		if bytes.Contains(got, []byte(word)) {
			t.Errorf("got %q", got)
		}
	}
}

// TestImpostor answers at the coordinator's address with an authority of its
// own, and a member refuses it.
func TestImpostor(t *testing.T) {
	home, impostor := coordinator(t), coordinator(t)
	path := invite(t, home, "a", impostor.URL())
	if _, err := Open(background(t), Options{Invitation: path}); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	// A key of another cluster, too.
	v, err := Invite(impostor.opts.Dir, "a", []string{home.URL()})
	if err != nil {
		t.Fatal(err)
	}
	v.CA = readFile(t, path).CA
	path = filepath.Join(t.TempDir(), "a.json")
	if err := v.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(background(t), Options{Invitation: path}); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestRevoke(t *testing.T) {
	home := coordinator(t)
	dir := home.opts.Dir
	a, b := member(t, home, "a"), member(t, home, "b")
	serve(t, a, "m", echo)
	serve(t, b, "m", echo)
	path := filepath.Join(t.TempDir(), "again.json")
	if err := readFile(t, a.opts.Invitation).Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Invite(dir, "a", []string{home.URL()}); !errors.Is(err, ErrInvited) {
		t.Errorf("invited twice: %v", err)
	}
	if err := Revoke(dir, "a"); err != nil {
		t.Fatal(err)
	}
	if err := Revoke(dir, "a"); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked twice: %v", err)
	}
	until(t, "a is put out", func() bool { return !a.Status().Connected }) // the server looks by itself
	until(t, "a is not asked", func() bool {
		_, err := home.Ask(background(t), "a", "m", nil)
		return errors.Is(err, ErrNobody)
	})
	if _, err := Open(background(t), Options{Invitation: path}); !errors.Is(err, ErrRefused) {
		t.Errorf("joined with a revoked key: %v", err)
	}
	if s := b.Status(); !s.Connected || s.Rejoins != 0 {
		t.Errorf("b was disturbed: %+v", s)
	}
	again := member(t, home, "a") // with another key
	serve(t, again, "m", echo)
	if got, err := home.Ask(background(t), "a", "m", nil); err != nil || string(got) != "home:" {
		t.Errorf("got %q, %v", got, err)
	}
	if a.Status().Connected {
		t.Error("the old key works again")
	}
}

// TestNamesake invites a host that is called like the coordinator.
func TestNamesake(t *testing.T) {
	home := coordinator(t)
	path := invite(t, home, "home", "")
	if _, err := Open(background(t), Options{Invitation: path}); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

// spy is a member's key in the hands of someone who speaks NATS.
type spy struct {
	*nats.Conn
	mu     sync.Mutex
	denied map[string]bool
	heard  []string
}

func newSpy(t *testing.T, path string) *spy {
	t.Helper()
	v := readFile(t, path)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(v.CA))
	s := &spy{denied: map[string]bool{}}
	var err error
	s.Conn, err = nats.Connect(v.URLs[0], nats.Secure(&tls.Config{RootCAs: pool, ServerName: serverName}), nats.TLSHandshakeFirst(),
		seedOption(t, []byte(v.Seed)), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if _, subject, ok := strings.Cut(err.Error(), ` to "`); ok {
				subject, _, _ = strings.Cut(subject, `"`)
				s.denied[subject] = true
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *spy) isDenied(subject string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied[subject]
}

func (s *spy) take(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, m.Subject)
}

// TestMemberRights tries what a member that turned bad would.
func TestMemberRights(t *testing.T) {
	home := coordinator(t)
	b := member(t, home, "b")
	b.Announce(Member{Version: "1"})
	served := make(chan string, 100)
	serve(t, b, "m", func(_ context.Context, _ string, request []byte) ([]byte, error) {
		served <- string(request)
		return []byte("of b"), nil
	})
	plans := watchPlan(t, b, "m")
	revision, err := home.PutPlan(background(t), "m", 0, []byte("plan"))
	if err != nil {
		t.Fatal(err)
	}
	if got := <-plans; got.revision != revision {
		t.Fatalf("got %v", got)
	}
	until(t, "b is there", func() bool { return names(home.Members()) == "b" })
	s := newSpy(t, invite(t, home, "a", ""))

	reads := []string{">", "*", "moed.>", "moed.ask.>", "moed.ask.b.m", "moed.ask.*.*", "moed.cancel.b", "moed.ping.b",
		"moed.fetch.a", "moed.fetch.*", leadInbox + "home.>", memberInbox + "b.>", "_INBOX.>", membersPrefix + ">", plansPrefix + ">",
		"$KV.>", "$JS.>", "$SYS.>", "$SRV.>", "$SRV.PING.moed-b", home.asks.inbox + "*"}
	for _, subject := range reads {
		if _, err := s.Subscribe(subject, s.take); err != nil {
			t.Fatal(err)
		}
	}
	writes := []string{"moed.ask.b.m", "moed.ask.a.m", "moed.ask.home.m", "moed.cancel.b", "moed.ping.b", "moed.fetch.b",
		nudgePrefix + "m", hello, home.asks.inbox + "1", memberInbox + "b.x", membersPrefix + "b", plansPrefix + "m", "$SRV.PING",
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.PURGE.KV_moed-plans", "$JS.API.STREAM.MSG.GET.KV_moed-plans",
		"$JS.API.DIRECT.GET.KV_moed-plans." + plansPrefix + "m", "$SYS.REQ.USER.INFO"}
	for _, subject := range writes {
		if err := s.PublishRequest(subject, memberInbox+"a.x", []byte("of a")); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range append(reads, writes...) {
		until(t, "refusal of "+subject, func() bool { return s.isDenied(subject) })
	}
	// While it listens, others speak.
	if got, err := home.Ask(background(t), "b", "m", []byte("x")); err != nil || string(got) != "of b" {
		t.Errorf("got %q, %v", got, err)
	}
	if <-served != "x" || len(served) != 0 {
		t.Error("b was asked by another than the coordinator")
	}
	if err := errors.Join(home.conn.Flush(), b.conn.Flush(), s.Flush()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) != 0 {
		t.Errorf("it heard %v", s.heard)
	}
	if names(home.Members()) != "b" || home.Members()[0].Version != "1" {
		t.Errorf("the members are %v", home.Members())
	}
}

// TestBorrowedVoice has a member send what it may with a reply subject or
// headers that would make the coordinator or the server act for it.
func TestBorrowedVoice(t *testing.T) {
	home := coordinator(t)
	b := member(t, home, "b")
	b.Announce(Member{Version: "1"})
	served := make(chan string, 100)
	serve(t, b, "m", func(_ context.Context, _ string, request []byte) ([]byte, error) {
		served <- string(request)
		return nil, nil
	})
	revision, err := home.PutPlan(background(t), "m", 0, []byte("plan"))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "b is there", func() bool { return names(home.Members()) == "b" })
	s := newSpy(t, invite(t, home, "a", ""))
	record := []byte(`{"name":"a","boot":"x"}`)
	for _, reply := range []string{"moed.ask.b.m", "moed.plan.m", memberInbox + "b.x", leadInbox + "home.x",
		"$JS.API.STREAM.PURGE.KV_moed-plans", plansPrefix + "m", membersPrefix + "b", memberInbox + "a"} {
		for _, subject := range []string{fetchPrefix + "a", membersPrefix + "a"} {
			for _, data := range [][]byte{[]byte("m"), record} {
				if err := s.PublishRequest(subject, reply, data); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, header := range []nats.Header{
		{"Nats-Rollup": {"all"}}, {"Nats-Rollup": {"sub"}}, {"Nats-TTL": {"never"}}, {kvOperation: {"PURGE"}},
		{"Nats-Trace-Dest": {"moed.ask.b.m"}}, {"Nats-Schedule": {"@every 1s"}, "Nats-Schedule-Target": {membersPrefix + "b"}},
	} {
		if err := s.PublishMsg(&nats.Msg{Subject: membersPrefix + "a", Header: header, Data: record}); err != nil {
			t.Fatal(err)
		}
	}
	s.Publish(membersPrefix+"a", []byte(`{"name":"b","boot":"x"}`))
	s.Publish(membersPrefix+"a", []byte("{"))
	s.Publish(membersPrefix+"a", bytes.Repeat([]byte(" "), largestMember*2))
	s.Publish(membersPrefix+"a", record)
	until(t, "a is there too", func() bool { return names(home.Members()) == "a b" })
	kv, err := home.js.KeyValue(background(t), membersBucket)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(background(t), "b"); err != nil || !bytes.Contains(e.Value(), []byte(b.boot)) {
		t.Errorf("b's record: %v", err)
	}
	if r, err := home.stored(background(t), "m"); err != nil || string(r.data) != "plan" || r.revision != revision {
		t.Errorf("the plan is %+v, %v", r, err)
	}
	if err := b.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(served) != 0 {
		t.Errorf("b was asked %q", <-served)
	}
}

// TestOneAnswer has a member answer a request more often than once.
func TestOneAnswer(t *testing.T) {
	home := coordinator(t)
	s := newSpy(t, invite(t, home, "a", ""))
	replies := make(chan string, 2)
	if _, err := s.Subscribe("moed.ask.a.m", func(m *nats.Msg) {
		replies <- m.Reply
		for i := range 3 {
			m.Respond(fmt.Append(nil, i))
		}
	}); err != nil {
		t.Fatal(err)
	}
	s.Flush()
	for range 2 {
		if got, err := home.Ask(background(t), "a", "m", nil); err != nil || string(got) != "0" {
			t.Errorf("got %q, %v", got, err)
		}
		reply := <-replies
		until(t, "refusal", func() bool { return s.isDenied(reply) })
	}
}

func TestFileModes(t *testing.T) {
	home := coordinator(t)
	path := invite(t, home, "a", "")
	for _, name := range []string{path, filepath.Join(home.opts.Dir, "authority.pem"), home.opts.Dir} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(background(t), Options{Invitation: path}); err == nil && os.PathSeparator == '/' {
		t.Error("an invitation that others may read was taken")
	}
	if err := readFile(t, invite(t, home, "b", "")).Write(path); err == nil {
		t.Error("an invitation was written over another")
	}
}
