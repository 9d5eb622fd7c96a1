package cluster

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzParseInvitation(f *testing.F) {
	v, err := Invite(f.TempDir(), "a", []string{"tls://h:1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v.JSON())
	f.Add([]byte(`{"moed_invitation":1,"name":"a","urls":["nats://127.0.0.1"],"user":"u","password":"p"}`))
	f.Add([]byte(`{"moed_invitation":2,"name":"","urls":[]}`))
	f.Add([]byte("-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseInvitation(b)
		if err != nil {
			if strings.Contains(err.Error(), "SU") && bytes.Contains(b, []byte("SU")) {
				t.Errorf("the error may quote a seed: %v", err)
			}
			return
		}
		again, err := ParseInvitation(v.JSON())
		if err != nil {
			t.Fatalf("not read again: %v", err)
		}
		if !bytes.Equal(again.JSON(), v.JSON()) {
			t.Errorf("%s became %s", v.JSON(), again.JSON())
		}
		newWay(Options{Name: "a"}, v) // must not fail otherwise than by an error
	})
}

func FuzzMember(f *testing.F) {
	f.Add([]byte(`{"name":"a","boot":"x","bytes":5,"models":[{"id":"m","header":"00","room":7,"experts":3}],"seen":"2020-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"name":"a","version":"\u001b[2J"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMember("a", b)
		if err != nil {
			return
		}
		if m.Name != "a" || !m.Seen.IsZero() {
			t.Errorf("read %+v", m)
		}
		text, err := encodeMember(m)
		if err != nil {
			if len(text) > 0 || len(b) < largestMember/8 {
				t.Fatalf("not written again: %v", err)
			}
			return
		}
		again, err := decodeMember("a", text)
		if err != nil {
			t.Fatalf("not read again: %v", err)
		}
		if len(m.Models) == 0 {
			m.Models = nil
		}
		if !reflect.DeepEqual(again, m) {
			t.Errorf("%+v became %+v", m, again)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(record{ttl: defaultTTL, revision: 7, data: []byte("plan")}.encode())
	f.Add(record{ttl: shortTTL}.encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err == nil && !bytes.Equal(r.encode(), b) {
			t.Errorf("%v became %v", b, r.encode())
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("qwen3:30b/Q4_K_M", "x")
	f.Add("=", "=3D")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := token(a)
		if err != nil {
			return
		}
		if strings.Trim(x, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=") != "" || plansPrefix+x == plansPrefix || nudgePrefix+x == hello {
			t.Errorf("%q is not a token", x)
		}
		if y, err := token(b); err == nil && (x == y) != (a == b) {
			t.Errorf("%q and %q become %q and %q", a, b, x, y)
		}
	})
}

func FuzzAsker(f *testing.F) {
	f.Add(leadInbox + "home.x.1")
	f.Add(memberInbox + "a.x")
	f.Fuzz(func(t *testing.T, reply string) {
		host, ok := asker(reply)
		if ok && (checkName(host) != nil || !strings.HasPrefix(reply, leadInbox+host+".")) {
			t.Errorf("%q is asked by %q", reply, host)
		}
	})
}

func TestParseInvitation(t *testing.T) {
	home, err := Invite(t.TempDir(), "a", []string{"tls://h:1"})
	if err != nil {
		t.Fatal(err)
	}
	good := string(home.JSON())
	for _, bad := range []string{
		"", "{}", "null", good + "x", good[:len(good)/2], strings.Replace(good, ": 1", ": 2", 1),
		strings.Replace(good, `"a"`, `"a.b"`, 1), strings.Replace(good, "tls://h:1", "tls://h:1/x", 1),
		strings.Replace(good, home.Seed, home.Seed[:20], 1), strings.Replace(good, "CERTIFICATE", "KEY", 2),
		strings.Replace(good, `"direct": true`, `"direct": 1`, 1), strings.Replace(good, `"direct"`, `"more"`, 1),
		`{"moed_invitation":1,"name":"a","urls":["tls://h"],"direct":true}`, strings.Repeat(" ", largestInvitation) + good,
	} {
		if _, err := ParseInvitation([]byte(bad)); err == nil {
			t.Errorf("read %.60q", bad)
		} else if strings.Contains(err.Error(), home.Seed[:20]) {
			t.Errorf("the error tells the seed: %v", err)
		}
	}
	for _, urls := range [][]string{nil, {"nats://h:1"}, {"tls://u:p@h"}, {"h:1"}, {"tls://"}} {
		if _, err := Invite(t.TempDir(), "a", urls); err == nil {
			t.Errorf("invited to %q", urls)
		}
	}
	if _, err := Invite(t.TempDir(), "a/../b", []string{"tls://h:1"}); !errors.Is(err, ErrName) {
		t.Errorf("got %v", err)
	}
}

func TestRoster(t *testing.T) {
	r := newRoster()
	start := time.Unix(1000, 0)
	say := func(name, boot, text string, second int) (twice bool) {
		return r.heard(Member{Name: name, Boot: boot}, []byte(text), start.Add(time.Duration(second)*time.Second))
	}
	say("b", "1", "b1", 0)
	say("a", "1", "a1", 1)
	change := r.changed.wait()
	say("a", "1", "a1", 3)
	select {
	case <-change:
		t.Error("a refreshed record is a change")
	default:
	}
	if gone, next := r.expire(start.Add(4*time.Second), 5*time.Second); gone != nil || next != time.Second {
		t.Errorf("gone %v, next %v", gone, next)
	}
	if gone, next := r.expire(start.Add(5*time.Second), 5*time.Second); !slices.Equal(gone, []string{"b"}) || next != 3*time.Second {
		t.Errorf("gone %v, next %v", gone, next)
	}
	select {
	case <-change:
	default:
		t.Error("an expiry is no change")
	}
	for _, step := range []struct {
		boot  string
		twice bool
	}{{"2", false}, {"2", false}, {"1", true}, {"3", false}} {
		if twice := say("a", step.boot, "a"+step.boot, 6); twice != step.twice {
			t.Errorf("start %s: twice %v", step.boot, twice)
		}
	}
	if !r.left("a") || r.left("a") || len(r.members()) != 0 {
		t.Error("a stays")
	}
}

func TestAuthority(t *testing.T) {
	dir := t.TempDir()
	a, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openAuthority(dir)
	if err != nil || !bytes.Equal(a.pem, b.pem) {
		t.Fatalf("another authority the second time, %v", err)
	}
	now := time.Now()
	first, err := a.serverCertificate("127.0.0.1:1", now)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Leaf.CheckSignatureFrom(a.cert); err != nil {
		t.Error(err)
	}
	if again, err := a.serverCertificate("127.0.0.1:1", now.Add(serverLife/2)); err != nil || again != first {
		t.Errorf("another certificate in the first half of its life, %v", err)
	}
	later, err := a.serverCertificate("127.0.0.1:1", now.Add(serverLife-time.Hour))
	if err != nil || later == first || !later.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Errorf("no new certificate before the old one ends, %v", err)
	}
	for _, bad := range []string{"", "x", string(a.pem)} {
		if _, err := parseAuthority([]byte(bad)); err == nil {
			t.Errorf("read %.20q", bad)
		}
	}
}
