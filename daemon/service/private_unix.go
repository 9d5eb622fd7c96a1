//go:build unix

package service

import (
	"errors"
	"io/fs"
)

// private reports whether others than its user may write to a file, or others
// than its user and group read it.
func private(info fs.FileInfo) error {
	if info.Mode().Perm()&0o037 != 0 {
		return errors.New("others may read or change it: make it 0600")
	}
	return nil
}
