package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"moed/moe/gguf"
)

const (
	readSize = 1 << 20 // bytes at once
	// overlap is how much of what is there is compared with what comes, since
	// tags and dates are the server's word only.
	overlap = 64 << 10 // bytes

	firstLook = 256 << 10 // bytes of a model before its header is tried
)

// changedError has the download begin again.
type changedError struct{ why string }

func (e changedError) Error() string { return e.why }

// download is a part being filled from a source.
type download struct {
	o    *Options
	src  source
	p    *part
	look int64 // bytes at which the header is looked at; -1 where it is right
}

// attempt fetches until the source ends or fails.
func (d *download) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(d.o.Stall, func() { cancel(ErrStalled) })
	defer watch.Stop()
	from := max(0, d.p.done()-overlap)
	body, start, is, err := d.src.open(ctx, from)
	watch.Stop()
	if err != nil {
		return cause(ctx, err)
	}
	defer body.Close()
	if why := d.p.is.differs(is); why != "" && d.p.done() > 0 {
		return changedError{why}
	}
	if start < from {
		d.o.Say("the server does not go on where a download ended; starting over")
		if err := d.p.reset(is, d.o.Chunk); err != nil {
			return final(err)
		}
		d.look = firstLook
	}
	if d.p.is = is; is.Size < 0 && d.p.done() > 0 {
		return changedError{"its length is not known any more"}
	}
	if err := d.p.room(d.o.Reserve); err != nil {
		return final(err)
	}
	body = &watchedBody{body, watch, d.o.Stall}
	if err := d.compare(body, start); err != nil {
		return cause(ctx, err)
	}
	return cause(ctx, d.copy(ctx, body))
}

// cause is the reason that ctx was ended for, where it was.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// watchedBody has the watch run while a read waits, and then only.
type watchedBody struct {
	io.ReadCloser
	watch *time.Timer
	limit time.Duration
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.Reset(b.limit)
	defer b.watch.Stop()
	return b.ReadCloser.Read(p)
}

// compare reads from the body what is there already, from start on.
func (d *download) compare(body io.Reader, start int64) error {
	n := int(d.p.done() - start)
	if n == 0 {
		return nil
	}
	came, have := make([]byte, n), make([]byte, n)
	if _, err := io.ReadFull(body, came); err != nil {
		return err
	}
	if _, err := d.p.f.ReadAt(have, start); err != nil {
		return final(err)
	}
	if !bytes.Equal(came, have) {
		return changedError{"it holds other bytes"}
	}
	return nil
}

// copy appends what body has. nil means that all of the file is there.
func (d *download) copy(ctx context.Context, body io.Reader) error {
	buf := make([]byte, readSize)
	room := time.Now()
	for {
		n, err := body.Read(buf)
		if d.p.is.Size >= 0 && d.p.done()+int64(n) > d.p.is.Size {
			return changedError{"more bytes come than its length says"}
		}
		if _, werr := d.p.Write(buf[:n]); werr != nil {
			return final(werr)
		}
		d.o.Progress(Progress{Verb: "fetching", Done: d.p.done(), Total: d.p.is.Size})
		if lerr := d.lookAt(errors.Is(err, io.EOF)); lerr != nil {
			return lerr
		}
		switch {
		case errors.Is(err, io.EOF) && (d.p.whole() || d.p.is.Size < 0):
			d.p.is.Size = d.p.done()
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(room) > checkpointTime: // others write to the disk too
			room = time.Now()
			if err := d.p.room(d.o.Reserve); err != nil {
				return final(err)
			}
		}
	}
}

// lookAt checks the model's header as soon as enough of it is there, so that
// something else does not come whole before it is refused.
func (d *download) lookAt(ended bool) error {
	have := d.p.done()
	if d.look < 0 || have < d.look && !ended && !(have >= 4 && d.look == firstLook) {
		return nil
	}
	size := d.p.is.Size
	if size < 0 && !ended {
		size = 1 << 62 // offsets are checked at the end
	} else if size < 0 {
		size = have
	}
	err := checkHeader(&prefix{d.p.f, have}, size)
	switch {
	case err == nil && d.p.is.Size >= 0:
		d.look = -1
	case errors.Is(err, errNotYet) || err == nil:
		d.look = max(firstLook, 2*have)
	default:
		return final(&FormatError{err})
	}
	return nil
}

// errNotYet is returned for bytes that have not come.
var errNotYet = errors.New("has not come yet")

// prefix is the beginning of a file.
type prefix struct {
	f    *os.File
	have int64
}

func (p *prefix) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > p.have {
		return 0, errNotYet
	}
	return p.f.ReadAt(b, at)
}

// checkHeader reports what is wrong with the model of size bytes in r.
func checkHeader(r io.ReaderAt, size int64) error {
	begin := make([]byte, 4)
	if size < int64(len(begin)) {
		return fmt.Errorf("not a GGUF file: %d bytes long", size)
	}
	if _, err := r.ReadAt(begin, 0); err != nil {
		return err
	}
	if string(begin) != "GGUF" {
		return fmt.Errorf("not a GGUF file: begins with %q, want %q", begin, "GGUF")
	}
	_, err := gguf.Read(r, size)
	return err
}
