//go:build !unix

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir opens a file in the directory; it keeps nobody away here.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cluster directory: %w", err)
	}
	return f, nil
}
