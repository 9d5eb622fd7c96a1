package flashio

import "golang.org/x/sys/unix"

// adviseArena's hints are best effort: a kernel without huge pages or core
// dumps has nothing to do.
func adviseArena(b []byte, huge bool) {
	unix.Madvise(b, unix.MADV_DONTDUMP)
	if huge {
		unix.Madvise(b, unix.MADV_HUGEPAGE)
	} else {
		unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	}
}

// lockArena locks pages as they are touched, so that an arena still costs
// nothing until then.
func lockArena(b []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_MLOCK2, addressOf(b), uintptr(len(b)), unix.MLOCK_ONFAULT)
	if errno != 0 {
		return errno
	}
	return nil
}

// discard needs its own advice for locked pages (Linux 5.18); before that they
// have to be unlocked for good.
func discard(b []byte, locked bool) error {
	if !locked {
		return unix.Madvise(b, unix.MADV_DONTNEED)
	}
	if err := unix.Madvise(b, unix.MADV_DONTNEED_LOCKED); err == nil {
		return nil
	}
	if err := unix.Munlock(b); err != nil {
		return err
	}
	return unix.Madvise(b, unix.MADV_DONTNEED)
}
