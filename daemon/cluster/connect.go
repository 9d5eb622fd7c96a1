package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// parseURL reads nats://host:port or tls://host:port, port 4222 if none.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("a cluster's URL must be tls://host:port") // the text may hold a password
	}
	if u.Scheme != "nats" && u.Scheme != "tls" {
		return nil, fmt.Errorf("URL %.80q: must begin with tls:// or nats://", u.Redacted())
	}
	if u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("URL %.80q: must be %s://host:port", u.Redacted(), u.Scheme)
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// way is how a member reaches the cluster: checked URLs and credentials.
type way struct {
	urls   []*url.URL
	secure *tls.Config // nil: no TLS unless the URL says tls://
	direct bool
	creds  []nats.Option
	wipe   func()
}

// newWay decides how to join, or refuses what would be open to strangers.
func newWay(o Options, v *Invitation) (*way, error) {
	if v == nil {
		v = &Invitation{}
	}
	texts := v.URLs
	if o.Join != "" {
		texts = strings.Split(o.Join, ",")
	}
	if len(texts) == 0 {
		return nil, errors.New("the invitation names no URL; give one")
	}
	w := &way{direct: v.Direct, wipe: func() {}}
	if v.CA != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(v.CA))
		w.secure = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: v.Server,
			ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	}
	known := w.credentials(v)
	for _, text := range texts {
		u, err := parseURL(text)
		if err != nil {
			return nil, err
		}
		if u.Scheme == "nats" && w.secure == nil && !o.Plain && !loopback(u.Hostname()) {
			return nil, fmt.Errorf("URL %s: without TLS anyone on the way reads and answers; use tls://", u.Redacted())
		}
		if !known && u.User == nil && !o.Plain {
			return nil, fmt.Errorf("URL %s: no credentials to join with; give an invitation", u.Redacted())
		}
		w.urls = append(w.urls, u)
	}
	return w, nil
}

// credentials takes over the invitation's, and says whether there were any.
func (w *way) credentials(v *Invitation) bool {
	switch {
	case v.creds != nil:
		w.creds = append(w.creds, nats.UserCredentialBytes(v.creds))
	case v.Seed != "":
		pair, err := nkeys.FromSeed([]byte(v.Seed))
		if err != nil {
			return false // the invitation was checked: cannot be
		}
		public, _ := pair.PublicKey()
		w.creds = append(w.creds, nats.Nkey(public, pair.Sign))
		w.wipe = pair.Wipe
	case v.User != "":
		w.creds = append(w.creds, nats.UserInfo(v.User, v.Password))
	default:
		return false
	}
	return true
}

func (w *way) options() (string, []nats.Option) {
	texts := make([]string, len(w.urls))
	allTLS := true
	for i, u := range w.urls {
		texts[i] = u.String()
		allTLS = allTLS && u.Scheme == "tls"
	}
	options := append([]nats.Option{}, w.creds...)
	if w.secure != nil {
		options = append(options, nats.Secure(w.secure))
	}
	if w.direct {
		options = append(options, nats.TLSHandshakeFirst())
	}
	if w.secure == nil && !allTLS {
		// What such a server announces could lie beyond this machine.
		options = append(options, nats.IgnoreDiscoveredServers())
	}
	return strings.Join(texts, ","), options
}

// settings are what every connection of ours has.
func (n *Node) settings(inbox string) []nats.Option {
	ping := max(n.opts.TTL/3, 500*time.Millisecond)
	return []nats.Option{
		nats.Name("moed " + n.opts.Name),
		nats.CustomInboxPrefix(inbox),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(backoff),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectOnFlusherError(),
		nats.ReconnectBufSize(-1), // a request to nobody should fail, not wait
		nats.Timeout(5 * time.Second),
		nats.PingInterval(ping),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(10 * time.Second),
		nats.ErrorHandler(n.asyncError),
		nats.DisconnectErrHandler(n.disconnected),
		nats.ConnectHandler(n.arrived),
		nats.ReconnectHandler(n.connected),
	}
}

// backoff doubles from 50 ms to 5 s and keeps between half and the whole of it,
// so that the members of a coordinator that comes back do not come in step.
func backoff(attempts int) time.Duration {
	d := 50 * time.Millisecond << min(max(attempts-1, 0), 7)
	d = min(d, 5*time.Second)
	return d/2 + rand.N(d/2)
}

// join connects to w. A server that is not there is tried for ever, in the
// background; one that refuses us, or that we cannot verify, is an error.
func (n *Node) join(ctx context.Context, w *way, inbox string) (*nats.Conn, error) {
	urls, options := w.options()
	options = append(options, n.settings(inbox)...)
	conn, err := nats.Connect(urls, options...)
	if err == nil {
		return conn, nil
	}
	if refusal(err) {
		return nil, fmt.Errorf("join the cluster: %w: %w", ErrRefused, err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("join the cluster: %w", ctx.Err())
	}
	n.log.Warn("the cluster does not answer yet; trying on", "error", err)
	conn, err = nats.Connect(urls, append(options, nats.RetryOnFailedConnect(true))...)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	return conn, nil
}

func refusal(err error) bool {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid)
}
