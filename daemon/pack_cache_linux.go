package daemon

import (
	"os"

	"golang.org/x/sys/unix"
)

// forgetPages gives back what the page cache keeps of n bytes from off on, and
// of the pages before them: the kernel reads ahead in pages of up to 2 MB, and
// drops none of which a part is beyond the range. Where it fails the cache keeps
// them.
func forgetPages(f *os.File, off, n int64) {
	const largest = 2 << 20
	start := max(0, off-largest) / largest * largest
	unix.Fadvise(int(f.Fd()), start, off+n-start, unix.FADV_DONTNEED)
}

// openDirect opens the file at path for writes past the page cache, of aligned
// bytes to aligned offsets.
func openDirect(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|unix.O_DIRECT, 0)
}
