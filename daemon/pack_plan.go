package daemon

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"moed/flashio/bundle"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/gguf"
)

// packPlan is a packed file before it is written. The header is a function of
// the source, its name, size and time among it, so that equal headers mean equal
// files.
type packPlan struct {
	head    []byte // all before the first tensor
	size    int64  // of the file
	dense   []densePlan
	begin   int64 // of the bundles, which go on to the end of the file
	layers  int
	experts []expertPlan // in the order of the file
}

// densePlan is a tensor that is copied as it is.
type densePlan struct {
	name     string
	from, to int64 // offsets in the source and in the packed file
	size     int64
}

// expertPlan is an expert that is packed.
type expertPlan struct {
	bundle.ID
	*layerPlan
	to int64 // offset in the packed file
}

// layerPlan is what the experts of a layer share.
type layerPlan struct {
	expert.Layer // in the source; its Experts are those that are packed
	geometry     *bundle.Geometry
	listed       []int // which they are, ascending; nil: all
}

// number is which expert of the source the i-th is that is packed.
func (l *layerPlan) number(i int) int {
	if l.listed == nil {
		return i
	}
	return l.listed[i]
}

func newPackPlan(s *packSource) (*packPlan, error) {
	if s.head.Has(moe.KeyBundleVersion) {
		return nil, errors.New("is packed already")
	}
	c, err := moe.ReadConfig(s.head)
	if err != nil {
		return nil, err
	}
	table, err := moe.ExpertTable(s.head, c)
	if err != nil {
		return nil, err
	}
	layers, err := layerPlans(table)
	if err != nil {
		return nil, err
	}
	w := gguf.NewWriter()
	if err := setPackKeys(w, s, layers); err != nil {
		return nil, err
	}
	p := &packPlan{}
	if err := p.addTensors(w, s.head, layers); err != nil {
		return nil, err
	}
	return p, p.place(w, layers)
}

// layerPlans has a plan per layer of the table, nil for those without experts.
func layerPlans(table *expert.Table) ([]*layerPlan, error) {
	plans, some := make([]*layerPlan, len(table.Layers)), false
	for i := range table.Layers {
		l := &table.Layers[i]
		if l.Experts == 0 {
			continue
		}
		g, err := bundle.New(bundleShape(&l.Gate), bundleShape(&l.Up), bundleShape(&l.Down), l.Bundles.Group)
		if err != nil {
			return nil, fmt.Errorf("experts of layer %d: %w", i, err)
		}
		plans[i], some = &layerPlan{Layer: *l, geometry: g}, true
	}
	if !some {
		return nil, errors.New("has no experts, so there is nothing to pack")
	}
	return plans, nil
}

func bundleShape(s *expert.Stack) bundle.Shape {
	return bundle.Shape{Type: s.Type, Rows: s.Rows, Cols: s.Cols}
}

// setPackKeys copies the metadata and adds that of a packed file.
func setPackKeys(w *gguf.Writer, s *packSource, layers []*layerPlan) error {
	keys := []packKey{{"general.alignment", uint32(bundle.Align)}}
	for _, key := range s.head.Keys() {
		if key != "general.alignment" {
			v, _ := s.head.Value(key)
			keys = append(keys, packKey{key, v})
		}
	}
	keys = append(keys, bundleKeys(layers)...)
	model, _ := s.head.String("general.name")
	return setKeys(w, append(keys, []packKey{
		{"moed.bundle.source.file", s.info.Name()},
		{"moed.bundle.source.size", s.info.Size()},
		{"moed.bundle.source.time", s.info.ModTime().UnixNano()},
		{keySourceSum, hex.EncodeToString(s.sum[:])},
		{"moed.bundle.source.model", model},
	}...))
}

// keySourceSum has the SHA-256 of the header of the file that was packed.
const keySourceSum = "moed.bundle.source.header_sha256"

// packKey is one key of a file's metadata.
type packKey struct {
	key   string
	value any
}

func setKeys(w *gguf.Writer, keys []packKey) error {
	for _, k := range keys {
		if err := w.Set(k.key, k.value); err != nil {
			return err
		}
	}
	return nil
}

// bundleKeys say how the layers are packed.
func bundleKeys(layers []*layerPlan) []packKey {
	var number, group, gate, up, down, hidden, width []uint32
	for i, l := range layers {
		if l != nil {
			number = append(number, uint32(i))
			group = append(group, uint32(l.geometry.Group))
			gate = append(gate, uint32(l.Gate.Type))
			up = append(up, uint32(l.Up.Type))
			down = append(down, uint32(l.Down.Type))
			hidden = append(hidden, uint32(l.Gate.Cols))
			width = append(width, uint32(l.Gate.Rows))
		}
	}
	return []packKey{
		{moe.KeyBundleVersion, uint32(moe.BundleVersion)},
		{moe.KeyBundleLayers, number},
		{moe.KeyBundleGroups, group},
		{moe.KeyBundleGateTypes, gate},
		{moe.KeyBundleUpTypes, up},
		{moe.KeyBundleDownTypes, down},
		{moe.KeyBundleHidden, hidden},
		{moe.KeyBundleWidths, width},
	}
}

// addTensors adds the tensors that are copied, in the order of the source, and
// then the bundles.
func (p *packPlan) addTensors(w *gguf.Writer, f *gguf.File, layers []*layerPlan) error {
	packed := map[string]bool{}
	for i, l := range layers {
		if l != nil {
			for _, name := range moe.StackNames(i) {
				packed[name] = true
			}
		}
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if packed[t.Name] {
			continue
		}
		if err := w.Add(t.Name, t.Type, t.Dims, nil); err != nil {
			return err
		}
		p.dense = append(p.dense, densePlan{name: t.Name, from: t.Offset, size: t.Size})
	}
	for i, l := range layers {
		if l != nil {
			if err := w.Add(moe.BundlesName(i), ggml.I8, []int{int(l.geometry.Stride), l.Experts}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// place says where everything goes.
func (p *packPlan) place(w *gguf.Writer, layers []*layerPlan) error {
	head, tensors, size, err := w.Layout()
	if err != nil {
		return err
	}
	p.head, p.size, p.begin = head, size, tensors[len(p.dense)].Offset
	for i := range p.dense {
		p.dense[i].to = tensors[i].Offset
	}
	at := p.begin // strides are multiples of the alignment, so nothing lies between layers
	for i, l := range layers {
		if l == nil {
			continue
		}
		p.layers++
		for e := range l.Experts {
			p.experts = append(p.experts, expertPlan{bundle.ID{Layer: i, Expert: l.number(e)}, l, at})
			at += l.geometry.Stride
		}
	}
	return nil
}

// end is where expert i ends in the packed file.
func (p *packPlan) end(i int) int64 { return p.experts[i].to + p.experts[i].geometry.Stride }

// matches reports whether f begins with the header of the plan.
func (p *packPlan) matches(f io.ReaderAt) bool {
	found := make([]byte, len(p.head))
	_, err := f.ReadAt(found, 0)
	return (err == nil || err == io.EOF) && bytes.Equal(found, p.head)
}
