package flashio

import (
	"errors"
	"io"
)

// buffered reads through the page cache and then gives back what the read has
// put there, since a memory budget would have to pay for it.
type buffered struct{ *file }

func newBuffered(f *file) *buffered {
	adviseRandom(f.File)
	return &buffered{f}
}

func (s *buffered) ReadVec(bufs [][]byte, off int64) (n int, err error) {
	for _, b := range bufs {
		got, err := s.ReadAt(b, off+int64(n))
		n += got
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	forget(s.File, off, int64(n))
	return n, nil
}
