//go:build !linux

package flashio

import "errors"

// deviceKey has no answer here: measurements are not kept.
func deviceKey(string) (string, error) { return "", errors.ErrUnsupported }
