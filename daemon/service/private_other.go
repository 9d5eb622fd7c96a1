//go:build !unix

package service

import "io/fs"

// private knows nothing here: what may be done to a file is not in its mode.
func private(fs.FileInfo) error { return nil }
