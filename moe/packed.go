package moe

import (
	"errors"
	"fmt"
	"math"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/gguf"
)

// A packed file is a GGUF whose experts lie in bundles, in the format of package
// flashio/bundle. Per layer of experts it has one tensor, blk.N.ffn_bundles.weight
// of I8 with the dimensions [stride, experts], in place of the three stacks, and
// these keys. All but the version are arrays with one element per such layer.
const (
	KeyBundleVersion   = "moed.bundle.version"
	KeyBundleLayers    = "moed.bundle.layers" // which layers are packed, by number
	KeyBundleGroups    = "moed.bundle.groups" // neurons in a bundle
	KeyBundleGateTypes = "moed.bundle.gate_types"
	KeyBundleUpTypes   = "moed.bundle.up_types"
	KeyBundleDownTypes = "moed.bundle.down_types"
	KeyBundleHidden    = "moed.bundle.hidden" // columns of gate and up, rows of down
	KeyBundleWidths    = "moed.bundle.widths" // rows of gate and up, columns of down
)

// BundleVersion is the version of packed files that ExpertTable reads.
const BundleVersion = 1

const (
	bundlesPart = "ffn_bundles.weight"
	bundleAlign = 4096
)

// BundlesName is the name of the tensor with the bundles of a layer.
func BundlesName(layer int) string { return fmt.Sprintf("blk.%d.%s", layer, bundlesPart) }

// packed is what the keys of a packed file say, by layer.
type packed map[int]packedLayer

// packedLayer has the numbers of one layer as they stand in the file: group,
// types of gate, up and down, hidden size, width.
type packedLayer struct{ group, gate, up, down, hidden, width uint64 }

// readPacked reads the keys of a packed file; a stock one has none.
func readPacked(f *gguf.File) (packed, error) {
	version, err := f.Uint(KeyBundleVersion)
	switch {
	case errors.Is(err, gguf.ErrNoKey):
		return nil, nil
	case err != nil:
		return nil, err
	case version != BundleVersion:
		return nil, fmt.Errorf("key %q: packed in version %d, this moed reads version %d; pack the model again", KeyBundleVersion, version, BundleVersion)
	}
	layers, err := f.Uints(KeyBundleLayers)
	if err != nil {
		return nil, err
	}
	list := make([]packedLayer, len(layers))
	for _, k := range []struct {
		key string
		of  func(*packedLayer) *uint64
	}{
		{KeyBundleGroups, func(l *packedLayer) *uint64 { return &l.group }},
		{KeyBundleGateTypes, func(l *packedLayer) *uint64 { return &l.gate }},
		{KeyBundleUpTypes, func(l *packedLayer) *uint64 { return &l.up }},
		{KeyBundleDownTypes, func(l *packedLayer) *uint64 { return &l.down }},
		{KeyBundleHidden, func(l *packedLayer) *uint64 { return &l.hidden }},
		{KeyBundleWidths, func(l *packedLayer) *uint64 { return &l.width }},
	} {
		values, err := f.Uints(k.key)
		if err != nil {
			return nil, err
		}
		if len(values) != len(layers) {
			return nil, fmt.Errorf("key %q: %d elements, want one for each of %d layers", k.key, len(values), len(layers))
		}
		for i, v := range values {
			*k.of(&list[i]) = v
		}
	}
	p := packed{}
	for i, number := range layers {
		if number >= maxLayers {
			return nil, fmt.Errorf("key %q: layer %d, at most %d are allowed", KeyBundleLayers, number, maxLayers)
		}
		p[int(number)] = list[i]
	}
	return p, nil
}

// layer fills l with what the file says of layer i, which has bundles.
func (p packed) layer(f *gguf.File, c *Config, i int, l *expert.Layer) error {
	t, _ := f.Tensor(BundlesName(i))
	k, ok := p[i]
	if !ok {
		return fmt.Errorf("tensor %q: key %q does not list its layer", t.Name, KeyBundleLayers)
	}
	if k.hidden != uint64(c.Hidden) || k.width != uint64(c.ExpertFF) {
		return fmt.Errorf("tensor %q: packed with hidden size %d and width %d, the model has %d and %d", t.Name, k.hidden, k.width, c.Hidden, c.ExpertFF)
	}
	types := [3]uint64{k.gate, k.up, k.down}
	for j, s := range shape(c, l) {
		name := stackName(i, s.matrix)
		if _, twice := f.Tensor(name); twice {
			return fmt.Errorf("tensor %q: the layer has %q too, want one of them", t.Name, name)
		}
		if types[j] > math.MaxUint32 {
			return fmt.Errorf("tensor %q: type %d of its %s matrices", t.Name, types[j], s.matrix)
		}
		if err := s.setType(t.Name, ggml.Type(types[j])); err != nil {
			return err
		}
	}
	block := uint64(l.Down.Type.BlockElems())
	if k.group == 0 || k.group > k.width || k.width%k.group != 0 || k.group%block != 0 {
		return fmt.Errorf("tensor %q: groups of %d neurons, want a divisor of %d in whole blocks of %d", t.Name, k.group, k.width, block)
	}
	return setBundles(l, t, int(k.group))
}

// setBundles checks that t can hold the bundles of l and says where they are.
func setBundles(l *expert.Layer, t *gguf.Tensor, group int) error {
	dims := trimOnes(t.Dims)
	experts := 1
	if len(dims) == 2 {
		experts = dims[1]
	}
	stride := int64(dims[0])
	switch {
	case t.Type != ggml.I8 || len(dims) > 2 || experts != l.Experts:
		return fmt.Errorf("tensor %q: found %v of dimensions %v, want I8 of [stride, %d]", t.Name, t.Type, t.Dims, l.Experts)
	case stride%bundleAlign != 0 || stride < l.Bytes():
		return fmt.Errorf("tensor %q: %d bytes for an expert, want a multiple of %d from %d on", t.Name, stride, bundleAlign, l.Bytes())
	case t.Offset%bundleAlign != 0:
		return fmt.Errorf("tensor %q: begins at byte %d, want a multiple of %d", t.Name, t.Offset, bundleAlign)
	}
	l.Bundles = expert.Bundles{Offset: t.Offset, Stride: stride, Group: group}
	return nil
}

// StockTensors lists the tensors of f as they are where it is not packed: in
// place of bundles, the stacks that were packed, without offsets. It is for
// those who tell what a model consists of. f is a stock file or one that
// ExpertTable takes.
func StockTensors(f *gguf.File, t *expert.Table) []gguf.Tensor {
	bundles := map[string]int{}
	for i := range t.Layers {
		if t.Layers[i].Bundles.Group > 0 {
			bundles[BundlesName(i)] = i
		}
	}
	var all []gguf.Tensor
	for i := range f.Tensors {
		layer, isBundles := bundles[f.Tensors[i].Name]
		if !isBundles {
			all = append(all, f.Tensors[i])
			continue
		}
		l := &t.Layers[layer]
		names := StackNames(layer)
		for j, s := range []*expert.Stack{&l.Gate, &l.Up, &l.Down} {
			all = append(all, gguf.Tensor{Name: names[j], Type: s.Type, Dims: []int{s.Cols, s.Rows, l.Experts}, Size: s.Size * int64(l.Experts)})
		}
	}
	return all
}
