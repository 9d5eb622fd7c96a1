//go:build unix && !linux && !darwin

package flashio

import "golang.org/x/sys/unix"

func adviseArena([]byte, bool) {}

func lockArena(b []byte) error { return unix.Mlock(b) }

// discard only overwrites: no advice that gives memory back is common to all
// of these systems.
func discard(b []byte, _ bool) error {
	clear(b)
	return nil
}
