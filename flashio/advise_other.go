//go:build !linux

package flashio

import "os"

// Where there is no such advice, the system decides what it keeps.

func adviseRandom(*os.File) {}

func forget(*os.File, int64, int64) {}
