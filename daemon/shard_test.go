package daemon

import (
	"bytes"
	"os"
	"testing"

	"moed/flashio/bundle"
	"moed/moe"
	"moed/moe/gguf"
)

// TestShardHolds: a shard has the experts of its list, with the model's bytes.
func TestShardHolds(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	from, table := openTable(t, model)
	r := onDisks(t, model, spread(t, model, 3, true))
	for i := range r.Disks {
		h, err := readFileHeader(r.Disks[i].Out)
		if err != nil {
			t.Fatal(err)
		}
		shard, err := moe.ReadShard(h.file, table)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(r.Disks[i].Out)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for k := range shard.Layers {
			l, want := &shard.Layers[k], &table.Layers[k]
			if want.Experts == 0 {
				continue
			}
			g, err := bundle.New(bundleShape(&want.Gate), bundleShape(&want.Up), bundleShape(&want.Down), l.Bundles.Group)
			if err != nil {
				t.Fatal(err)
			}
			gate, up, down := make([]byte, g.GateBytes), make([]byte, g.UpBytes), make([]byte, g.DownBytes)
			for e, place := range l.Place {
				if place < 0 {
					continue
				}
				count++
				at := l.Bundles.Offset + int64(place)*l.Bundles.Stride
				if err := g.Unpack(gate, up, down, b[at:][:g.Stride], bundle.ID{Layer: k, Expert: e}); err != nil {
					t.Fatal(err)
				}
				name := moe.StackNames(k)[2]
				x, _ := from.Tensor(name)
				if !bytes.Equal(down, from.Data(x)[int64(e)*g.DownBytes:][:g.DownBytes]) {
					t.Errorf("layer %d expert %d: another matrix", k, e)
				}
			}
		}
		if count != r.Disks[i].Experts {
			t.Errorf("%d experts, the result says %d", count, r.Disks[i].Experts)
		}
	}
}

// FuzzReadShard: a file that says that it is a shard has its experts within the
// file, or there is an error.
func FuzzReadShard(f *testing.F) {
	model := modelFile(f, routed("qwen3moe"), "stock")
	_, table := openTable(f, model)
	r := onDisks(f, model, spread(f, model, 2, false))
	for i := range r.Disks {
		b, err := os.ReadFile(r.Disks[i].Out)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 16<<10)], int64(len(b)))
	}
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		file, err := gguf.Read(bytes.NewReader(b), size)
		if err != nil {
			return
		}
		shard, err := moe.ReadShard(file, table)
		if err != nil {
			return
		}
		for l := range shard.Layers {
			s := &shard.Layers[l]
			for e, place := range s.Place {
				if end := s.Bundles.Offset + int64(place+1)*s.Bundles.Stride; place >= 0 && (s.Bundles.Stride <= 0 || end > size || end < 0) {
					t.Errorf("expert %d of layer %d ends at %d of %d", e, l, end, size)
				}
			}
		}
	})
}
