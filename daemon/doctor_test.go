package daemon

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"moed/flashio"
)

// TestDoctor: what is measured is kept, and found for the directory that it was
// measured in.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, dir)
	}
	c, err := Doctor(context.Background(), CheckupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Machine; c.Device != nil || m.Processors < 1 || m.Kernels == "" || m.OS != runtime.GOOS || m.HugePages == "" || m.IOUring == "" {
		t.Errorf("without a path: %+v", c)
	}
	if runtime.GOOS != "linux" {
		return // the rest depends on devices having an identity
	}
	if c, err = Doctor(context.Background(), CheckupOptions{Path: dir, Time: time.Millisecond, Sample: 1}); err != nil {
		t.Fatal(err)
	}
	if c.Device == nil || c.Kept == "" || c.NotKept != "" || c.Machine.Memory <= 0 {
		t.Errorf("with a path: %+v", c)
	}
	if kept, err := flashio.LoadDevice(dir); err != nil || kept.Why != c.Device.Why {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	if _, err := Doctor(context.Background(), CheckupOptions{Path: filepath.Join(dir, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such path: %v", err)
	}
}
