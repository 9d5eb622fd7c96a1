package flashio

import "golang.org/x/sys/unix"

// adviseArena has nothing to say: huge pages and core dumps are not asked for
// by advice here.
func adviseArena([]byte, bool) {}

func lockArena(b []byte) error { return unix.Mlock(b) }

// discard overwrites: MADV_FREE may keep the old contents, and MADV_DONTNEED
// keeps them always.
func discard(b []byte, _ bool) error {
	clear(b)
	return unix.Madvise(b, unix.MADV_FREE)
}
