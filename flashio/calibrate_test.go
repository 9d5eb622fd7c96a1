package flashio_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moed/flashio"
	"moed/flashio/flashtest"
)

// TestCalibrate measures a directory in next to no time, and leaves nothing.
func TestCalibrate(t *testing.T) {
	dir := t.TempDir()
	var said []string
	c := flashio.Calibration{Time: time.Millisecond, Sample: 64 << 20, Progress: func(s string) { said = append(said, s) }}
	d, err := c.Run(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
	direct := d.Refused == ""
	if want := map[bool]int{true: 64, false: 32}[direct]; len(d.Points) != want {
		t.Errorf("%d points, want %d", len(d.Points), want)
	}
	for _, p := range d.Points {
		if p.Reads < 2*int64(p.InFlight) || p.Rate <= 0 || p.P50 <= 0 || p.P99 < p.P50 {
			t.Errorf("point %+v", p)
		}
	}
	if d.Backend == flashio.Auto || d.InFlight < 2 || d.MaxRead < 256<<10 || d.Why == "" || d.Measured.IsZero() {
		t.Errorf("device %+v", d)
	}
	if all := strings.Join(said, "\n"); !strings.HasPrefix(all, "writing 64 MiB") || !strings.Contains(all, "buffered reads of 4 MiB, pass 2 of 2") {
		t.Errorf("it said:\n%s", all)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	dir := t.TempDir()
	small, _ := flashtest.File(t, 10000)
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		small:                      "want a file of at least 67108864, or a directory",
	} {
		if _, err := flashio.Calibrate(context.Background(), path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found %v, want %q", path, err, want)
		}
	}
	if _, err := (flashio.Calibration{Sample: 1 << 50}).Run(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "bytes free") {
		t.Errorf("a sample larger than the disk: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := flashio.Calibrate(ctx, dir, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}
