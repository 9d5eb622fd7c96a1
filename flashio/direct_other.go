//go:build !linux

package flashio

import "errors"

func openDirect(*file) (Source, int, error) { return nil, 0, errors.ErrUnsupported }
