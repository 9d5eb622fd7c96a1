package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Repair fetches the bad chunks of the file at o.To from o.From, an address or
// a file, and puts them in place. A chunk is written only once its checksum is
// right, so that whatever ends a repair leaves the file no worse.
func Repair(ctx context.Context, options Options, m *Manifest, bad []Bad) error {
	o := options.filled()
	src, err := sourceOf(o)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(o.To, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	total, done := int64(0), int64(0)
	for _, b := range bad {
		total += b.End - b.Start
	}
	for _, b := range bad {
		got := func(n int64) { o.Progress(Progress{Verb: "repairing", Done: done + n, Total: total}) }
		if err := repairChunk(ctx, o, src, f, m, b, got); err != nil {
			return fmt.Errorf("bytes %d to %d: %w", b.Start, b.End-1, bare(err))
		}
		done += b.End - b.Start
	}
	if err := f.Truncate(m.Size); err != nil {
		return err
	}
	return f.Sync()
}

// repairChunk makes attempts at one chunk.
func repairChunk(ctx context.Context, o *Options, src source, f *os.File, m *Manifest, b Bad, got func(int64)) error {
	d := &download{o: o, src: src}
	buf := make([]byte, b.End-b.Start)
	for failed := 1; ; failed++ {
		err := fetchSpan(ctx, o, src, m, b, buf, got)
		var last finalError
		switch {
		case err == nil:
			if sum := sha256.Sum256(buf); fmt.Sprintf("%x", sum) != m.Chunks[b.Chunk] {
				return fmt.Errorf("what %s has there is not right either", src.name())
			}
			if _, err := f.WriteAt(buf, b.Start); err != nil {
				return err
			}
			return f.Sync()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &last) || failed >= o.Attempts:
			return err
		}
		if err := d.wait(ctx, failed, err); err != nil {
			return err
		}
	}
}

// fetchSpan fills buf with the bytes of b.
func fetchSpan(ctx context.Context, o *Options, src source, m *Manifest, b Bad, buf []byte, got func(int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(o.Stall, func() { cancel(ErrStalled) })
	defer watch.Stop()
	if remote, is := src.(*httpSource); is {
		remote.end = b.End
		defer func() { remote.end = 0 }()
	}
	body, start, is, err := src.open(ctx, b.Start)
	if err != nil {
		return cause(ctx, err)
	}
	defer body.Close()
	switch {
	case is.Size >= 0 && is.Size != m.Size:
		return final(fmt.Errorf("%s has %d bytes, the file %d: it is another one", src.name(), is.Size, m.Size))
	case start != b.Start:
		return final(ErrNoRanges)
	}
	watched := &watchedBody{body, watch, o.Stall}
	for n := 0; n < len(buf); {
		now, err := watched.Read(buf[n:])
		n += now
		got(int64(n))
		if errors.Is(err, io.EOF) && n < len(buf) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && n < len(buf) {
			return cause(ctx, err)
		}
	}
	return nil
}

// rangeOf asks for the bytes from from on, up to end where that is not 0.
func rangeOf(from, end int64) http.Header {
	header := http.Header{"Accept-Encoding": {"identity"}}
	switch {
	case end > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, end-1))
	case from > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	return header
}
