package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/daemon"
)

// TestPackInterrupted: a pack that is interrupted says where it stands and how
// to go on, and exits as such.
func TestPackInterrupted(t *testing.T) {
	model, err := os.ReadFile("../testdata/golden/qwen3moe-Q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := os.WriteFile(path, model, 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := Main(ctx, []string{"pack", path}, Streams{Out: &out, Err: &errs}); code != exitInterrupted || out.Len() > 0 {
		t.Errorf("exit code %d, output %q", code, &out)
	}
	partial := daemon.PackedName(path) + ".partial"
	if !strings.Contains(errs.String(), partial+" keeps what is done, and the same command goes on from there") {
		t.Errorf("says %q", &errs)
	}
	if _, err := os.Stat(partial); err != nil {
		t.Error(err)
	}
}

// TestPackText: the rate and the time left are worked out; without a rate there
// is neither.
func TestPackText(t *testing.T) {
	for _, c := range []struct {
		done int64
		rate float64
		want string
	}{
		{0, 0, "packing: 0 B of 17.30 GB"},
		{5e9, 300e6, "packing: 5.00 GB of 17.30 GB, 300.0 MB/s, 41s left"},
		{1e9, 1e6, "packing: 1.00 GB of 17.30 GB, 1.0 MB/s, 4h31m40s left"},
	} {
		if found := packText("packing", c.done, 17.3e9, c.rate); found != c.want {
			t.Errorf("%q, want %q", found, c.want)
		}
	}
}
