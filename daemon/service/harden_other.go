//go:build !linux

package service

import "io/fs"

// harden does nothing where the system has no such thing.
func harden() error { return nil }

// isJournal: there is no journal here.
func isJournal(fs.FileInfo, string) bool { return false }
