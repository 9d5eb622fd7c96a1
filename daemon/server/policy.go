package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/url"
	"os"
	"strings"

	"moed/daemon"
)

// Token lets its bearer call over TCP.
type Token struct {
	Name  string            // by which lists and prefixes tell callers apart
	Sum   [sha256.Size]byte // SHA-256 of what the bearer sends; zero lets nobody in
	Admin bool
}

// policy is who may call. It does not change.
type policy struct {
	admins  map[uint32]bool
	tokens  []Token
	hosts   map[string]bool
	origins map[string]bool
	limits  Limits
}

func newPolicy(o Options) *policy {
	p := &policy{admins: map[uint32]bool{0: true}, hosts: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true},
		origins: map[string]bool{}, limits: o.Limits.filled()}
	if uid := os.Getuid(); uid >= 0 {
		p.admins[uint32(uid)] = true
	}
	for _, uid := range o.AdminUIDs {
		p.admins[uid] = true
	}
	for _, t := range o.Tokens {
		if t.Sum != [sha256.Size]byte{} {
			p.tokens = append(p.tokens, t)
		}
	}
	for _, h := range o.Hosts {
		p.hosts[hostOf(h)] = true
	}
	for _, origin := range o.Origins {
		if origin != "null" { // any page can send it
			p.origins[strings.ToLower(origin)] = true
		}
	}
	return p
}

// bearer is whose token that is. It takes as long for a wrong one as for a
// right one.
func (p *policy) bearer(token string) (c daemon.Caller, ok bool) {
	sum := sha256.Sum256([]byte(token))
	for _, t := range p.tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Sum[:]) == 1 && !ok {
			c, ok = daemon.Caller{UID: nobody, Token: t.Name, Admin: t.Admin}, true
		}
	}
	return c, ok
}

// nobody is the user of callers that are told by their tokens: one that no
// process can have.
const nobody = ^uint32(0)

// host reports whether a request may name that host.
func (p *policy) host(host string) bool { return p.hosts[hostOf(host)] }

// hostOf leaves the port out.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// origin reports whether a browser may ask for that origin. A page that this
// host has served itself may, over TCP: host is allowed already.
func (p *policy) origin(kind Kind, origin, host string) bool {
	if p.origins[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	return kind == TCP && err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, host)
}
