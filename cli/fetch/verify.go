package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Bad is a chunk whose bytes are not those that came.
type Bad struct {
	Chunk int    `json:"chunk"`
	Start int64  `json:"start"` // byte
	End   int64  `json:"end"`   // byte behind its last
	Why   string `json:"why"`
}

// maxReaders bounds what reads at once; more do not make disks faster.
const maxReaders = 4

// Verify reads the file at path and lists the chunks that differ from m, in
// order. Bytes behind m's size are not listed: the caller compares sizes.
func Verify(ctx context.Context, path string, m *Manifest, progress func(Progress)) ([]Bad, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	why := make([]string, len(m.Chunks))
	var next, done atomic.Int64
	var readers sync.WaitGroup
	errs := make([]error, min(maxReaders, runtime.GOMAXPROCS(0), max(1, len(m.Chunks))))
	for i := range errs {
		readers.Go(func() { // ends with the chunks, or ctx
			buf := make([]byte, readSize)
			for {
				chunk := int(next.Add(1)) - 1
				if chunk >= len(m.Chunks) || errs[i] != nil {
					return
				}
				why[chunk], errs[i] = compareChunk(ctx, f, m, chunk, buf, func(n int) {
					now := done.Add(int64(n))
					if progress != nil {
						progress(Progress{Verb: "comparing", Done: now, Total: m.Size})
					}
				})
			}
		})
	}
	readers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	bad := []Bad{}
	for i, text := range why {
		if text != "" {
			start, length := m.span(i)
			bad = append(bad, Bad{Chunk: i, Start: start, End: start + length, Why: text})
		}
	}
	return bad, nil
}

// compareChunk says what is wrong with a chunk, or "". A chunk that the disk
// does not give is wrong, not an error.
func compareChunk(ctx context.Context, f *os.File, m *Manifest, chunk int, buf []byte, read func(int)) (string, error) {
	start, length := m.span(chunk)
	sum := sha256.New()
	for at := start; at < start+length; {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), start+length-at)], at)
		sum.Write(buf[:n])
		read(n)
		at += int64(n)
		switch {
		case errors.Is(err, io.EOF) && at < start+length:
			return fmt.Sprintf("the file ends at byte %d", at), nil
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Sprintf("byte %d cannot be read: %v", at, errors.Unwrap(err)), nil
		}
	}
	if hexSum(sum) != m.Chunks[chunk] {
		return "its SHA-256 is another one", nil
	}
	return "", nil
}

// Sum reads the file at path and makes its manifest.
func Sum(ctx context.Context, path string, progress func(Progress)) (*Manifest, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := newSums(chunkSize)
	buf := make([]byte, readSize)
	for {
		n, err := f.Read(buf)
		s.Write(buf[:n])
		if progress != nil {
			progress(Progress{Verb: "summing", Done: s.done, Total: info.Size()})
		}
		switch {
		case errors.Is(err, io.EOF):
			return s.manifest(), nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
	}
}
