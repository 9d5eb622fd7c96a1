package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxRedirects  = 10
	maxRetryAfter = 5 * time.Minute
)

// httpSource is a file behind an address.
type httpSource struct {
	url    *url.URL
	client *http.Client
	stated string // SHA-256 of the file, as the site says it
	met    bool   // the server has answered once
	end    int64  // the byte behind the last one wanted; 0 is all
}

func newHTTPSource(u *url.URL, o *Options) *httpSource {
	s := &httpSource{url: u}
	s.client = &http.Client{Transport: o.Transport, CheckRedirect: s.redirect}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone() // proxies from the environment
		t.DisableCompression = true
		s.client.Transport = t
	}
	return s
}

func (s *httpSource) name() string { return Display(s.url) }
func (s *httpSource) sum() string  { return s.stated }

// redirect follows to https alone; from http, which the caller allowed, to http
// too. Model sites state a file's SHA-256 where they send on to their storage.
func (s *httpSource) redirect(to *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return final(fmt.Errorf("more than %d redirects", maxRedirects))
	}
	if to.URL.Scheme != "https" && !(to.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "http") {
		return final(fmt.Errorf("redirected from https to %s, which is not followed", Display(to.URL)))
	}
	if to.Response != nil && via[len(via)-1].URL.Scheme == "https" {
		if sum := strings.Trim(to.Response.Header.Get("X-Linked-Etag"), `"`); CheckSum(sum) == nil {
			s.stated = sum
		}
	}
	return nil
}

// open asks for the file from byte from on. A server that knows no ranges sends
// it from its beginning.
func (s *httpSource) open(ctx context.Context, from int64) (io.ReadCloser, int64, identity, error) {
	none := identity{}
	r, err := s.get(ctx, rangeOf(from, s.end))
	if err != nil {
		return nil, 0, none, err
	}
	is := identity{From: s.name(), Size: r.ContentLength, Tag: r.Header.Get("ETag"), Modified: r.Header.Get("Last-Modified")}
	start := int64(0)
	switch {
	case r.StatusCode == http.StatusPartialContent:
		if start, _, is.Size, err = contentRange(r.Header.Get("Content-Range")); err == nil && start != from {
			err = fmt.Errorf("asked for bytes from %d on, got %q", from, r.Header.Get("Content-Range"))
		}
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		r.Body.Close()
		return nil, 0, none, errGone
	case r.StatusCode != http.StatusOK:
		err = statusError(r)
	}
	if coding := r.Header.Get("Content-Encoding"); err == nil && coding != "" && coding != "identity" {
		err = final(fmt.Errorf("the server sends the file as %q", coding))
	}
	if err != nil {
		r.Body.Close()
		return nil, 0, none, err
	}
	return r.Body, start, is, nil
}

// errGone is the end of a part that the source has no rest of.
var errGone = errors.New("the file has become shorter")

// get sends a request; errors have no secrets in them.
func (s *httpSource) get(ctx context.Context, header http.Header) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return nil, final(errors.New("not an address that can be asked"))
	}
	q.Header = header
	q.Header.Set("User-Agent", "moed")
	r, err := s.client.Do(q)
	if err == nil {
		s.met = true
		return r, nil
	}
	var wrapped *url.Error // its text has the address with its query
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var host *net.DNSError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &host) && host.IsNotFound && !s.met {
		return nil, final(err) // it comes again with every attempt
	}
	return nil, err
}

// statusError explains an answer that is no file.
func statusError(r *http.Response) error {
	e := &StatusError{Status: r.StatusCode, Text: strings.TrimSpace(fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode)))}
	if !e.passing() {
		return final(e)
	}
	after := r.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		e.After = time.Duration(max(0, seconds)) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		e.After = time.Until(at)
	}
	e.After = min(max(0, e.After), maxRetryAfter)
	return e
}

// contentRange reads "bytes 5-9/10"; size is -1 for *.
func contentRange(text string) (start, end, size int64, err error) {
	wrong := fmt.Errorf("range %q in the answer cannot be read", text)
	span, found := strings.CutPrefix(text, "bytes ")
	span, total, cut := strings.Cut(span, "/")
	first, last, dash := strings.Cut(span, "-")
	if !found || !cut || !dash {
		return 0, 0, 0, wrong
	}
	start, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	size = -1
	if total != "*" {
		var err3 error
		if size, err3 = strconv.ParseInt(total, 10, 64); err3 != nil {
			return 0, 0, 0, wrong
		}
	}
	if err1 != nil || err2 != nil || start < 0 || end < start || size >= 0 && end >= size {
		return 0, 0, 0, wrong
	}
	return start, end, size, nil
}
