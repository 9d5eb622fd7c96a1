//go:build !linux && !darwin

package flashio

import "errors"

func newMapped(*file) (Source, error) { return nil, errors.ErrUnsupported }
