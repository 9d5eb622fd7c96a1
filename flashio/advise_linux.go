package flashio

import (
	"os"

	"golang.org/x/sys/unix"
)

// adviseRandom turns read-ahead off: what is read is all that is wanted.
func adviseRandom(f *os.File) { unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }

// forget gives the page cache of a range back.
func forget(f *os.File, off, n int64) { unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) }
