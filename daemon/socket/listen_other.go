//go:build !unix

package socket

import (
	"errors"
	"fmt"
)

func listen(path string, _ Options) (*listener, error) {
	return nil, fmt.Errorf("socket %s: %w here: listen on tcp://127.0.0.1 and a port", path, errors.ErrUnsupported)
}
