package flashio

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// direct reads past the page cache, straight into the buffers.
type direct struct {
	*file          // for Check
	raw   *os.File // the same file, opened for direct reads
	fd    int
}

// openDirect returns the alignment too where it is known, also with an error.
func openDirect(f *file) (Source, int, error) {
	align := directAlignment(int(f.Fd()))
	if align > Alignment {
		return nil, align, fmt.Errorf("the device wants an alignment of %d, more than %d", align, Alignment)
	}
	raw, err := os.OpenFile(f.Name(), os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return nil, align, errors.Unwrap(err)
	}
	info, err := raw.Stat()
	if err == nil && !os.SameFile(info, f.info) {
		err = ErrChanged
	}
	s := &direct{f, raw, int(raw.Fd())}
	if err == nil {
		err = s.try()
	}
	if err != nil {
		raw.Close()
		return nil, align, err
	}
	return s, align, nil
}

// try reads one block: some file systems take the flag and refuse the read.
func (s *direct) try() error {
	a, err := NewArena(Alignment, ArenaOptions{SmallPages: true})
	if err != nil {
		return err
	}
	defer a.Close()
	_, err = unix.Pread(s.fd, a.Bytes(0, Alignment), 0)
	return err
}

func (s *direct) ReadVec(bufs [][]byte, off int64) (int, error) {
	if len(bufs) == 1 {
		return unix.Pread(s.fd, bufs[0], off)
	}
	return unix.Preadv(s.fd, bufs, off)
}

func (s *direct) Close() error { return errors.Join(s.raw.Close(), s.file.Close()) }

// directAlignment returns what the file system wants of offsets and addresses,
// or 0 where the kernel (before 6.1) or the file system does not tell.
func directAlignment(fd int) int {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st); err != nil || st.Mask&unix.STATX_DIOALIGN == 0 {
		return 0
	}
	return int(max(st.Dio_mem_align, st.Dio_offset_align))
}
