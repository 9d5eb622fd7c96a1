package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// Client talks to a daemon. The zero value finds it as Resolve says. It must
// not be copied after its first use.
type Client struct {
	// Address is unix:///path or tcp://host:port; a path alone is a socket, and
	// https://host:port is TLS. "" is where Resolve says.
	Address string
	// Token is the bearer token that daemons on TCP want; "" is $MOED_TOKEN.
	Token string
	// HTTP, if not nil, makes the requests in place of the Client's own, which
	// dials the addresses. It is for tests and for other ways of transport.
	HTTP *http.Client

	once sync.Once
	own  *http.Client
}

// Running reports whether a daemon accepts connections. Where none does, that
// is known at once.
func (c *Client) Running(ctx context.Context) bool {
	found, err := c.addresses()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := dial(ctx, found)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// dial takes the first that answers.
func dial(ctx context.Context, found []address) (net.Conn, error) {
	un := &UnreachableError{}
	var d net.Dialer
	for _, a := range found {
		conn, err := d.DialContext(ctx, a.network, a.dial)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		un.Tried, un.Errs = append(un.Tried, a.text), append(un.Errs, err)
	}
	return nil, un
}

func (c *Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	c.once.Do(func() {
		c.own = &http.Client{
			Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					found, err := c.addresses()
					if err != nil {
						return nil, err
					}
					return dial(ctx, found)
				},
				DisableCompression: true,
				IdleConnTimeout:    30 * time.Second,
			},
			// A daemon never sends its clients elsewhere, and a token would go along.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})
	return c.own
}

// Close gives idle connections up. The Client may be used on.
func (c *Client) Close() { c.client().CloseIdleConnections() }

// send makes a request, with body in JSON unless it is nil, and returns a
// response of status 200. Its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, body any, accept string) (*http.Response, error) {
	found, err := c.addresses()
	if err != nil {
		return nil, err
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(ctx, method, found[0].base+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("Accept", accept)
	q.Header.Set("User-Agent", "moed")
	token := c.Token
	if token == "" {
		token = os.Getenv("MOED_TOKEN")
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	r, err := c.client().Do(q)
	if err != nil {
		return nil, bare(ctx, err)
	}
	if r.StatusCode != http.StatusOK {
		defer r.Body.Close()
		return nil, errorOf(r)
	}
	return r, nil
}

// bare leaves out the method and URL that net/http puts before an error: there
// is nothing in them that the reader chose.
func bare(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var un *UnreachableError
	if errors.As(err, &un) {
		return un
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the daemon hung up: %w", err)
	}
	return err
}

// call makes a request and reads the answer into dst, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, dst any) error {
	r, err := c.send(ctx, method, path, body, "application/json")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if dst == nil {
		_, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return bare(ctx, err)
		}
		return nil
	}
	if err := json.NewDecoder(r.Body).Decode(dst); err != nil {
		return fmt.Errorf("%s %s: the daemon's answer: %w", method, path, bare(ctx, err))
	}
	return nil
}
