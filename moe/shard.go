package moe

import (
	"fmt"
	"math"

	"moed/moe/expert"
	"moed/moe/gguf"
)

// A shard is a GGUF with some of a model's experts and nothing else of it: per
// layer of which it has any, the tensor and the keys of a packed file, the
// tensor's dimensions being [stride, experts that it has], and these keys.
const (
	KeyShardVersion = "moed.shard.version"
	KeyShardCounts  = "moed.shard.counts"  // how many experts of each of the layers that KeyBundleLayers lists
	KeyShardExperts = "moed.shard.experts" // which, layer after layer, in the order of the tensors
	KeyShardSource  = "moed.shard.source_sha256"
	KeyShardSize    = "moed.shard.source_size"
	KeyShardTime    = "moed.shard.source_time"
)

// ShardVersion is the version of shards that ReadShard reads.
const ShardVersion = 1

// ReadShard finds where a shard has its experts, for the model with table t. It
// fails where the shard's shapes and types are not that model's, or its lists
// do not fit together; whose weights they are is for the caller to know.
func ReadShard(f *gguf.File, t *expert.Table) (*expert.Shard, error) {
	version, err := f.Uint(KeyShardVersion)
	if err != nil {
		return nil, err
	}
	if version != ShardVersion {
		return nil, fmt.Errorf("key %q: found version %d, want %d", KeyShardVersion, version, ShardVersion)
	}
	p, err := readPacked(f)
	if err != nil {
		return nil, err
	}
	layers, err := f.Uints(KeyBundleLayers)
	if err != nil {
		return nil, err
	}
	counts, err := f.Uints(KeyShardCounts)
	if err != nil {
		return nil, err
	}
	experts, err := f.Uints(KeyShardExperts)
	if err != nil {
		return nil, err
	}
	if len(counts) != len(layers) || len(p) != len(layers) {
		return nil, fmt.Errorf("key %q: %d elements for %d layers, of which %d differ", KeyShardCounts, len(counts), len(layers), len(p))
	}
	s := &expert.Shard{Layers: make([]expert.ShardLayer, len(t.Layers))}
	for i, n := range counts {
		if n > uint64(len(experts)) {
			return nil, fmt.Errorf("key %q: %d elements, too few", KeyShardExperts, len(experts))
		}
		if layers[i] >= uint64(len(t.Layers)) {
			return nil, fmt.Errorf("key %q: layer %d, the model has %d", KeyBundleLayers, layers[i], len(t.Layers))
		}
		at := int(layers[i])
		if s.Layers[at], err = p.shardLayer(f, at, &t.Layers[at], experts[:n]); err != nil {
			return nil, err
		}
		experts = experts[n:]
	}
	if len(experts) > 0 {
		return nil, fmt.Errorf("key %q: %d elements too many", KeyShardExperts, len(experts))
	}
	return s, nil
}

// shardLayer is what f has of a layer of the model: the experts listed.
func (p packed) shardLayer(f *gguf.File, layer int, model *expert.Layer, listed []uint64) (expert.ShardLayer, error) {
	fail := func(format string, args ...any) (expert.ShardLayer, error) {
		return expert.ShardLayer{}, fmt.Errorf("layer %d: %s", layer, fmt.Sprintf(format, args...))
	}
	t, ok := f.Tensor(BundlesName(layer))
	if !ok {
		return fail("no tensor %q", BundlesName(layer))
	}
	k := p[layer]
	if k.hidden != uint64(model.Gate.Cols) || k.width != uint64(model.Gate.Rows) ||
		k.gate != uint64(model.Gate.Type) || k.up != uint64(model.Up.Type) || k.down != uint64(model.Down.Type) {
		return fail("its experts are not of the model's shape and types")
	}
	if len(listed) == 0 || len(listed) > model.Experts || k.group == 0 || k.group > math.MaxInt32 {
		return fail("%d experts in groups of %d neurons, the model has %d experts", len(listed), k.group, model.Experts)
	}
	place := make([]int32, model.Experts)
	for i := range place {
		place[i] = -1
	}
	for i, e := range listed {
		if e >= uint64(model.Experts) || place[e] >= 0 {
			return fail("expert %d is listed twice, or not one of %d", e, model.Experts)
		}
		place[e] = int32(i)
	}
	of := *model
	of.Experts = len(listed)
	if err := setBundles(&of, t, int(k.group)); err != nil {
		return expert.ShardLayer{}, err
	}
	return expert.ShardLayer{Bundles: of.Bundles, Place: place}, nil
}
