//go:build !linux

package budget

import "errors"

func arm(string, chan<- struct{}) (disarm func(), err error) { return nil, errors.ErrUnsupported }
