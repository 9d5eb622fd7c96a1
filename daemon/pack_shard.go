package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"moed/flashio/bundle"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/gguf"
)

// shardLists are the experts of each layer that go to one disk, ascending.
type shardLists [][]int

// newShardPlan plans the file with some experts of the model, which may be a
// stock or a packed one.
func newShardPlan(s *packSource, table *expert.Table, lists shardLists) (*packPlan, error) {
	all, err := layerPlans(table)
	if err != nil {
		return nil, err
	}
	layers, experts, counts := make([]*layerPlan, len(all)), []uint32{}, []uint32{}
	for i, list := range lists {
		if len(list) == 0 {
			continue
		}
		l := *all[i]
		l.Experts, l.listed = len(list), list
		layers[i] = &l
		counts = append(counts, uint32(len(list)))
		for _, e := range list {
			experts = append(experts, uint32(e))
		}
	}
	w := gguf.NewWriter()
	keys := []packKey{
		{"general.alignment", uint32(bundle.Align)},
		{moe.KeyShardVersion, uint32(moe.ShardVersion)},
		{moe.KeyShardSource, hex.EncodeToString(s.sum[:])},
		{moe.KeyShardSize, uint64(s.info.Size())},
		{moe.KeyShardTime, s.info.ModTime().UnixNano()},
		{moe.KeyShardCounts, counts},
		{moe.KeyShardExperts, experts},
	}
	if err := setKeys(w, append(keys, bundleKeys(layers)...)); err != nil {
		return nil, err
	}
	for i, l := range layers {
		if l != nil {
			if err := w.Add(moe.BundlesName(i), ggml.I8, []int{int(l.geometry.Stride), l.Experts}, nil); err != nil {
				return nil, err
			}
		}
	}
	p := &packPlan{}
	return p, p.place(w, layers)
}

// sum is the SHA-256 of the plan's header.
func (p *packPlan) sum() string {
	sum := sha256.Sum256(p.head)
	return hex.EncodeToString(sum[:])
}

// sourceTable is where the experts of the source are.
func sourceTable(s *packSource) (*expert.Table, error) {
	c, err := moe.ReadConfig(s.head)
	if err != nil {
		return nil, err
	}
	t, err := moe.ExpertTable(s.head, c)
	if err != nil {
		return nil, err
	}
	for i := range t.Layers {
		if t.Layers[i].Experts > 0 {
			return t, nil
		}
	}
	return nil, fmt.Errorf("has no experts, so there is nothing to put on disks")
}

// shardMatches reports what is wrong with a shard's keys for a model.
func shardMatches(f *gguf.File, m *manifestModel) error {
	sum, err := f.String(moe.KeyShardSource)
	if err != nil {
		return err
	}
	size, err := f.Uint(moe.KeyShardSize)
	if err != nil {
		return err
	}
	time, err := f.Int(moe.KeyShardTime)
	if err != nil {
		return err
	}
	if sum != m.Header || int64(size) != m.Size || time != m.Time {
		return errOtherModel
	}
	return nil
}
