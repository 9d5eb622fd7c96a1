package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"moed/moe/gguf"
)

var (
	errPackSource  = errors.New("the source has changed while it was read")
	errPackDiffers = errors.New("the packed file differs from its source")
)

// packSource is the file that is packed.
type packSource struct {
	f    *os.File
	info os.FileInfo // when it was opened
	head *gguf.File
	sum  [sha256.Size]byte // of the bytes before the tensors
}

func openPackSource(path string) (*packSource, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &packSource{f: f}
	if err := s.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s *packSource) read() (err error) {
	if s.info, err = s.f.Stat(); err != nil {
		return err
	}
	if !s.info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if s.head, err = gguf.Read(s.f, s.info.Size()); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(s.f, 0, s.head.DataOffset)); err != nil {
		return err
	}
	h.Sum(s.sum[:0])
	return nil
}

// readAt fills b and gives back what the page cache keeps of it.
func (s *packSource) readAt(b []byte, off int64) error {
	if _, err := s.f.ReadAt(b, off); err != nil {
		return fmt.Errorf("read %s at byte %d: %w", s.f.Name(), off, err)
	}
	forgetPages(s.f, off, int64(len(b)))
	return nil
}

// close gives back too what was read ahead and not wanted.
func (s *packSource) close() {
	forgetPages(s.f, 0, s.info.Size())
	s.f.Close() // it was only read
}

// unchanged fails where the file is no longer the one that was opened.
func (s *packSource) unchanged() error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != s.info.Size() || !info.ModTime().Equal(s.info.ModTime()) {
		return fmt.Errorf("%s: %w", s.f.Name(), errPackSource)
	}
	return nil
}
