//go:build linux || darwin

package flashio

import (
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// mapped copies out of a mapping. It is here for comparison, and for file
// systems whose reads are slower than their faults.
type mapped struct {
	*file
	data  []byte
	ahead int // bytes that the kernel reads ahead at most
}

func newMapped(f *file) (Source, error) {
	s := &mapped{file: f, ahead: readAhead(f.File)}
	size := f.info.Size()
	if size == 0 {
		return s, nil // an empty mapping is not to be had
	}
	if int64(int(size)) != size {
		return nil, fmt.Errorf("mapping of %d bytes: %w", size, unix.ENOMEM)
	}
	var err error
	if s.data, err = unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("mapping of %d bytes: %w", size, err)
	}
	unix.Madvise(s.data, unix.MADV_RANDOM) // best effort, as all advice
	return s, nil
}

// ReadVec hints at all of the range first, in pieces of the read-ahead size:
// the kernel cuts longer hints off there.
func (s *mapped) ReadVec(bufs [][]byte, off int64) (n int, err error) {
	if off >= int64(len(s.data)) {
		return 0, nil
	}
	want := 0
	for _, b := range bufs {
		want += len(b)
	}
	from := s.data[off:min(off+int64(want), int64(len(s.data)))]
	for at := 0; at < len(from); at += s.ahead {
		unix.Madvise(from[at:min(at+s.ahead, len(from))], unix.MADV_WILLNEED)
	}
	n, err = copyGuarded(bufs, from)
	// What a truncated file still has of its last page is followed by zeros
	// that are no fault and not the file's.
	if left := s.left(off); left < len(from) {
		n, err = copyGuarded(bufs, from[:left])
	}
	unix.Madvise(from, unix.MADV_DONTNEED)
	forget(s.File, off, int64(len(from)))
	return n, err
}

// left returns how many bytes the file has now from off on.
func (s *mapped) left(off int64) int {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.Fd()), &st); err != nil {
		return 0
	}
	return int(max(st.Size-off, 0))
}

// copyGuarded copies out of a mapping whose file may have been truncated or
// fail to be read: the fault that kills a process elsewhere is an error here.
func copyGuarded(bufs [][]byte, from []byte) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if _, is := fault.(interface{ Addr() uintptr }); !is {
				panic(fault)
			}
			n, err = 0, fmt.Errorf("a page of the mapping is gone: %w", unix.EIO)
		}
	}()
	for _, b := range bufs {
		n += copy(b, from[n:])
	}
	return n, nil
}

func (s *mapped) Close() error {
	if s.data == nil {
		return s.file.Close()
	}
	return errors.Join(unix.Munmap(s.data), s.file.Close())
}
