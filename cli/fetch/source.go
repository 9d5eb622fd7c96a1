package fetch

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// identity tells whether bytes of two moments are of the same file.
type identity struct {
	From     string `json:"from"`     // without credentials and query
	Size     int64  `json:"size"`     // bytes; -1 is not known
	Tag      string `json:"tag"`      // the entity tag; or ""
	Modified string `json:"modified"` // or ""
}

// differs says in what a and b cannot be the same file, or is "".
func (a identity) differs(b identity) string {
	switch {
	case a.Size >= 0 && b.Size >= 0 && a.Size != b.Size:
		return fmt.Sprintf("its length is %d instead of %d bytes", b.Size, a.Size)
	case a.Tag != "" && b.Tag != "":
		if strings.TrimPrefix(a.Tag, "W/") != strings.TrimPrefix(b.Tag, "W/") {
			return "its entity tag is another one"
		}
	case a.Modified != "" && b.Modified != "" && a.Modified != b.Modified:
		return "its date is another one"
	}
	return ""
}

// source is where bytes come from.
type source interface {
	// open begins at byte from, or before it where the source can do no better;
	// start is where. The identity is that of the file as it is now. Errors that
	// are not final are worth another attempt.
	open(ctx context.Context, from int64) (body io.ReadCloser, start int64, is identity, err error)
	// name is the source's address for people.
	name() string
	// sum is the SHA-256 that the source itself states, or "".
	sum() string
}

// sourceOf is what from names: an address, or a file.
func sourceOf(o *Options) (source, error) {
	u, err := ParseURL(o.From, o.Insecure)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return &fileSource{path: o.From}, nil
	}
	if o.Offline {
		return nil, fmt.Errorf("%s: %w", Display(u), ErrOffline)
	}
	return newHTTPSource(u, o), nil
}

// ParseURL is the address that text is, or nil where text is a path. http is
// for the insecure.
func ParseURL(text string, insecure bool) (*url.URL, error) {
	scheme, _, found := strings.Cut(text, "://")
	if !found {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("not an address that can be read: %.8s…", scheme+"://")
	}
	switch {
	case u.Host == "":
		return nil, fmt.Errorf("%s: no host in this address", Display(u))
	case u.Scheme == "https", u.Scheme == "http" && insecure:
		return u, nil
	case u.Scheme == "http":
		return nil, fmt.Errorf("%s: http can be read and changed on its way", Display(u))
	}
	return nil, fmt.Errorf("%s: addresses begin with https, not %s", Display(u), u.Scheme)
}

// Display is u without its credentials and query, which may hold secrets.
func Display(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return shown.String()
}

// fileSource is a file of this machine.
type fileSource struct{ path string }

func (s *fileSource) name() string { return s.path }
func (s *fileSource) sum() string  { return "" }

func (s *fileSource) open(_ context.Context, from int64) (io.ReadCloser, int64, identity, error) {
	f, info, err := openRegular(s.path)
	if err != nil {
		return nil, 0, identity{}, final(err)
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		f.Close()
		return nil, 0, identity{}, final(err)
	}
	// Of a file the date counts to the nanosecond, and no tag.
	return f, from, identity{From: s.path, Size: info.Size(), Modified: info.ModTime().UTC().Format("2006-01-02T15:04:05.999999999")}, nil
}

func openRegular(path string) (*os.File, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
