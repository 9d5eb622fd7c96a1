package offload_test

import (
	"bytes"
	"context"
	"errors"
	"syscall"
	"testing"

	"moed/flashio"
	"moed/flashio/flashtest"
	"moed/offload"
)

// TestReadDense: ranges that touch, overlap, lie apart, begin and end anywhere
// come out as they stand in the file, and progress reaches the end.
func TestReadDense(t *testing.T) {
	file := flashtest.Contents(40<<20 + 123)
	r := flashio.NewReader(flashtest.Memory(file), "model", int64(len(file)), flashio.Options{})
	defer r.Close()
	size := int64(len(file))
	ranges := []offload.Range{{30_000_001, 77}, {5, 100}, {50, 9000}, {9050, 1}, {20_000, 4096}, {12 << 20, 17 << 20}, {size - 1000, 1000}}
	var done, total int64
	d, err := offload.ReadDense(t.Context(), r, ranges, func(a, b int64) {
		if a < done || a > b {
			t.Errorf("progress went from %d to %d of %d", done, a, b)
		}
		done, total = a, b
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, x := range ranges {
		if !bytes.Equal(d.Bytes(x.Offset, x.Size), file[x.Offset:x.Offset+x.Size]) {
			t.Errorf("the %d bytes at %d differ from the file's", x.Size, x.Offset)
		}
	}
	if want := offload.DenseBytes(ranges); total != want || done < want-4096 || d.Size() < want {
		t.Errorf("progress ended at %d of %d, memory is %d, want %d", done, total, d.Size(), want)
	}
}

// TestReadDenseFails: an error and a context that ends are returned when no
// read is under way any more.
func TestReadDenseFails(t *testing.T) {
	file := flashtest.Contents(40 << 20)
	ranges := []offload.Range{{100, 39 << 20}}
	src := flashtest.NewSource(flashtest.Memory(file), flashtest.Rule{Fault: flashtest.EIO, From: 20 << 20, To: 20<<20 + 1})
	r := flashio.NewReader(src, "model", int64(len(file)), flashio.Options{})
	defer r.Close()
	if _, err := offload.ReadDense(t.Context(), r, ranges, nil); !errors.Is(err, syscall.EIO) {
		t.Errorf("found error %v, want %v", err, syscall.EIO)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src.SetRules()
	if _, err := offload.ReadDense(ctx, r, ranges, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("found error %v, want %v", err, context.Canceled)
	}
}
