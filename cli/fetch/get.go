package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Options say what to fetch. The zero value of all but From and To is right.
type Options struct {
	From   string // an https address, or the path of a file
	To     string // the path of the new file
	SHA256 string // what the file must have, in lower-case hexadecimal; "" is anything
	// Insecure allows http too.
	Insecure bool
	// Offline forbids the network.
	Offline bool
	// Progress is called often.
	Progress func(Progress)
	// Say is called with what is out of the ordinary: another attempt, a new start.
	Say func(line string)

	// Stall is how long nothing may come before an attempt is given up; 0 is a
	// minute. There is no other limit of time.
	Stall time.Duration
	// Attempts is how many may fail one after the other without a new byte; 0 is 10.
	Attempts int
	// Pause is before the second attempt; it doubles up to 30 s. 0 is a second.
	Pause time.Duration
	// Reserve is how many bytes of the disk stay free; 0 is 256 MiB.
	Reserve int64
	// Chunk is the bytes of a chunk of the manifest; 0 is 64 MiB.
	Chunk int64
	// Transport carries requests; nil is the usual one.
	Transport http.RoundTripper
}

// Progress is how far something is.
type Progress struct {
	Verb  string // fetching, summing, comparing or repairing
	Done  int64  // bytes
	Total int64  // bytes; -1 is not known
}

// Result is what Get did.
type Result struct {
	Path     string  `json:"path"`
	Source   string  `json:"source"`
	Bytes    int64   `json:"bytes"`
	SHA256   string  `json:"sha256"`
	Chunks   int     `json:"chunks"`
	Resumed  int64   `json:"resumed"` // of Bytes, what was there from before
	Linked   bool    `json:"linked"`  // it is the same file as the source
	Already  bool    `json:"already"` // nothing was to be done
	Stated   bool    `json:"stated"`  // the site states the same SHA-256
	Attempts int     `json:"attempts"`
	Seconds  float64 `json:"seconds"`
}

const (
	maxPause    = 30 * time.Second
	maxRestarts = 3
)

func (o Options) filled() *Options {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.Attempts == 0 {
		o.Attempts = 10
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	if o.Reserve == 0 {
		o.Reserve = 256 << 20
	}
	if o.Chunk == 0 {
		o.Chunk = chunkSize
	}
	return &o
}

// Get fetches a model file. It goes on where an earlier Get of the same file
// ended, and tries again for as long as bytes come. Nothing is at o.To before
// all of it is on the disk and its header and checksum are right.
func Get(ctx context.Context, options Options) (*Result, error) {
	o := options.filled()
	began := time.Now()
	if o.SHA256 != "" {
		if err := CheckSum(o.SHA256); err != nil {
			return nil, err
		}
	}
	if err := recoverManifest(o.To); err != nil {
		return nil, err
	}
	r, err := already(ctx, o)
	if r == nil && err == nil {
		r, err = fetch(ctx, o)
	}
	if err != nil {
		return nil, bare(err)
	}
	r.Path, r.Seconds = o.To, time.Since(began).Seconds()
	return r, nil
}

// bare is err without the mark that it is final.
func bare(err error) error {
	if f, is := err.(finalError); is {
		return f.error
	}
	return err
}

// fetch gets what is not there.
func fetch(ctx context.Context, o *Options) (*Result, error) {
	src, err := sourceOf(o)
	if err != nil {
		return nil, err
	}
	if local, is := src.(*fileSource); is {
		if r, err := link(ctx, o, local.path); r != nil || err != nil {
			return r, err
		}
	}
	p, err := openPart(o.To, o.Chunk, src.name())
	if err != nil {
		return nil, err
	}
	if p.lost > 0 {
		o.Say("what is there of the file did not come to the disk safely, or is of another source; starting over")
	}
	d := &download{o: o, src: src, p: p, look: firstLook}
	r := &Result{Source: src.name(), Resumed: p.read}
	if r.Attempts, err = d.run(ctx); err == nil {
		err = d.check()
	}
	if err != nil {
		var wrong *FormatError
		if errors.As(err, &wrong) { // nothing to go on with
			p.reset(identity{Size: -1}, o.Chunk)
		}
		p.close()
		return nil, err
	}
	m, err := p.finish()
	if err != nil {
		p.f.Close()
		return nil, err
	}
	r.Resumed = min(r.Resumed, p.read)
	r.Bytes, r.SHA256, r.Chunks, r.Stated = m.Size, m.SHA256, len(m.Chunks), src.sum() != ""
	return r, nil
}

// run makes attempts until all is there, and says how many.
func (d *download) run(ctx context.Context) (int, error) {
	best, failed, restarts := d.p.done(), 0, 0
	for attempt := 1; ; attempt++ {
		if d.p.whole() {
			return attempt - 1, nil
		}
		err := d.attempt(ctx)
		if err == nil {
			return attempt, nil
		}
		var changed changedError
		var last finalError
		switch {
		case ctx.Err() != nil:
			return attempt, context.Cause(ctx)
		case errors.As(err, &last):
			return attempt, err
		case errors.Is(err, errGone):
			changed = changedError{errGone.Error()}
			fallthrough
		case errors.As(err, &changed):
			if restarts++; restarts > maxRestarts {
				return attempt, fmt.Errorf("%s changes all the time: %w", d.src.name(), err)
			}
			d.o.Say(fmt.Sprintf("the file has changed, %s; starting over", changed.why))
			if err := d.p.reset(identity{From: d.src.name(), Size: -1}, d.o.Chunk); err != nil {
				return attempt, err
			}
			best, d.look = 0, firstLook
			continue
		}
		failed++
		if d.p.done() > best {
			best, failed = d.p.done(), 1
		}
		if failed >= d.o.Attempts {
			return attempt, fmt.Errorf("%s: %d attempts without a new byte: %w", d.src.name(), failed, err)
		}
		if err := d.wait(ctx, failed, err); err != nil {
			return attempt, err
		}
	}
}

// wait pauses before the next attempt, longer each time, or as long as the
// server asks.
func (d *download) wait(ctx context.Context, failed int, why error) error {
	pause := min(maxPause, d.o.Pause<<min(failed-1, 16))
	var status *StatusError
	if errors.As(why, &status) {
		pause = max(pause, status.After)
	}
	d.o.Say(fmt.Sprintf("%v; trying again in %v", why, pause.Round(time.Millisecond)))
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// check compares what came with what was wanted.
func (d *download) check() error {
	if err := d.lookAt(true); err != nil {
		return err
	}
	found := hexSum(d.p.sums.whole)
	for _, want := range []string{d.o.SHA256, d.src.sum()} {
		if want != "" && want != found {
			return &SumError{Path: partPath(d.o.To), Want: want, Found: found}
		}
	}
	return nil
}

// already is the result where the file is there, or nil.
func already(ctx context.Context, o *Options) (*Result, error) {
	info, err := os.Lstat(o.To)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Result{Source: o.From, Bytes: info.Size(), Already: true}
	if u, err := ParseURL(o.From, o.Insecure); err != nil {
		return nil, err
	} else if u != nil {
		r.Source = Display(u)
	}
	if !info.Mode().IsRegular() {
		return nil, &ExistsError{o.To, "is no regular file"}
	}
	if o.SHA256 == "" { // or that decides
		size, err := sizeOf(ctx, o)
		if err != nil {
			return nil, err
		}
		if size >= 0 && size != info.Size() {
			return nil, &ExistsError{o.To, fmt.Sprintf("has %d bytes, where the new one has %d", info.Size(), size)}
		}
	}
	m, err := ReadManifest(o.To)
	if errors.Is(err, fs.ErrNotExist) {
		if m, err = Sum(ctx, o.To, o.Progress); err == nil {
			err = m.Write(o.To)
		}
	}
	if err != nil {
		return nil, err
	}
	r.SHA256, r.Chunks = m.SHA256, len(m.Chunks)
	if o.SHA256 != "" && o.SHA256 != m.SHA256 {
		return nil, &ExistsError{o.To, "its SHA-256 is " + m.SHA256}
	}
	return r, nil
}

// sizeOf is how long the source's file is, or -1 where that is not to be known.
func sizeOf(ctx context.Context, o *Options) (int64, error) {
	src, err := sourceOf(o)
	if errors.Is(err, ErrOffline) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Stall)
	defer cancel()
	body, _, is, err := src.open(ctx, 0)
	if err != nil {
		return 0, err
	}
	return is.Size, body.Close()
}

// link makes o.To another name of the file at path, where one disk has both;
// nil where it cannot.
func link(ctx context.Context, o *Options, path string) (*Result, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkHeader(f, info.Size()); err != nil {
		return nil, &FormatError{err}
	}
	aside := linkPath(o.To)
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if os.Link(path, aside) != nil {
		return nil, nil
	}
	defer os.Remove(aside)
	m, err := Sum(ctx, aside, o.Progress)
	if err != nil {
		return nil, err
	}
	if o.SHA256 != "" && o.SHA256 != m.SHA256 {
		return nil, &SumError{Path: path, Want: o.SHA256, Found: m.SHA256}
	}
	if err := os.Rename(aside, o.To); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(o.To)); err != nil {
		return nil, err
	}
	return &Result{Source: o.From, Bytes: m.Size, SHA256: m.SHA256, Chunks: len(m.Chunks), Linked: true}, m.Write(o.To)
}
