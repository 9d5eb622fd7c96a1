//go:build !linux

package daemon

import (
	"errors"
	"os"
)

// forgetPages does nothing where there is no such advice.
func forgetPages(*os.File, int64, int64) {}

func openDirect(string) (*os.File, error) { return nil, errors.ErrUnsupported }
