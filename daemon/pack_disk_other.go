//go:build !linux && !darwin && !windows

package daemon

import (
	"errors"
	"math"
	"os"
	"syscall"
)

// freeRoom does not know, and leaves it to the writing to fail.
func freeRoom(string) (int64, error) { return math.MaxInt64, nil }

func lockFile(*os.File) error { return nil }

func syncDir(string) error { return nil }

func diskFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
