package service

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// harden keeps what is in memory from being dumped to a file or read by a
// debugger: prompts and answers are there.
func harden() error {
	var errs []error
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("forbid core dumps: %w", err))
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("forbid debuggers: %w", err))
	}
	return errors.Join(errs...)
}

// isJournal reports whether a file is the stream that the service manager says
// goes to the journal: its numbers of device and inode.
func isJournal(info fs.FileInfo, stream string) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}
