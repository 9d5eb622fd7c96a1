package moe

import (
	"fmt"

	"github.com/edsrzf/mmap-go"

	"moed/moe/ggml"
)

// KVType is the element type of the KV cache.
type KVType uint8

// The types a KV cache can have. The default is KVF16.
const (
	KVF16 KVType = iota
	KVF32
	KVQ8_0
)

// ParseKV reads a KVType from its name: f16, f32 or q8_0.
func ParseKV(s string) (KVType, error) {
	for _, t := range []KVType{KVF16, KVF32, KVQ8_0} {
		if s == t.String() {
			return t, nil
		}
	}
	return 0, fmt.Errorf("KV cache type %q is not known; use f16, f32 or q8_0", s)
}

func (t KVType) String() string {
	switch t {
	case KVF32:
		return "f32"
	case KVQ8_0:
		return "q8_0"
	}
	return "f16"
}

func (t KVType) element() ggml.Type {
	switch t {
	case KVF32:
		return ggml.F32
	case KVQ8_0:
		return ggml.Q8_0
	}
	return ggml.F16
}

// kvBlockTokens is the number of positions in one block of the KV cache.
const kvBlockTokens = 64

// kvLayout is the geometry of a block: for each layer and KV head the keys of
// its positions, row after row, and then the values. With latent attention
// (absorbed) the value is the front of the key row and not stored again.
type kvLayout struct {
	layers, heads    int
	keyDim, valueDim int
	element          ggml.Type
	keyRow, valueRow int // bytes
	blockBytes       int
}

func newKVLayout(c *Config, t KVType) (kvLayout, error) {
	l := kvLayout{layers: c.Layers, heads: c.KVHeads, keyDim: c.KeyDim, valueDim: c.ValueDim, element: t.element()}
	if c.MLA.Absorbed {
		l.heads, l.keyDim, l.valueDim = 1, c.MLA.KVRank+c.RopeDims, c.MLA.KVRank
	}
	if elems := l.element.BlockElems(); l.keyDim%elems != 0 || l.valueDim%elems != 0 {
		return l, fmt.Errorf("a KV cache of %v needs key and value sizes in multiples of %d, this model has %d and %d; use f16", t, elems, l.keyDim, l.valueDim)
	}
	var err error
	if l.keyRow, err = l.element.RowBytes(l.keyDim); err != nil {
		return l, err
	}
	if !c.MLA.Absorbed {
		if l.valueRow, err = l.element.RowBytes(l.valueDim); err != nil {
			return l, err
		}
	}
	l.blockBytes = l.layers * l.heads * kvBlockTokens * (l.keyRow + l.valueRow)
	return l, nil
}

// keys are the rows of one head in a block, and values likewise.
func (l *kvLayout) keys(block []byte, layer, head int) []byte {
	at := (layer*l.heads + head) * kvBlockTokens * (l.keyRow + l.valueRow)
	return block[at : at+kvBlockTokens*l.keyRow]
}

func (l *kvLayout) values(block []byte, layer, head int) []byte {
	if l.valueRow == 0 {
		return l.keys(block, layer, head)
	}
	at := (layer*l.heads+head)*kvBlockTokens*(l.keyRow+l.valueRow) + kvBlockTokens*l.keyRow
	return block[at : at+kvBlockTokens*l.valueRow]
}

// valueStride is the distance of value rows in bytes.
func (l *kvLayout) valueStride() int {
	if l.valueRow == 0 {
		return l.keyRow
	}
	return l.valueRow
}

// kvCache is the keys and values of one session: blocks of anonymous memory
// outside the Go heap, taken as the session grows. Blocks may be shared with
// prefixes and, through them, with other sessions; a shared one is copied
// before it is written to. The model's mu guards all of it.
type kvCache struct {
	model  *Model
	blocks []*kvBlock
}

// kvBlock is the keys and values of kvBlockTokens positions.
type kvBlock struct {
	data mmap.MMap
	refs int // sessions and prefixes that hold it
}

// newBlock takes memory for the positions that begin with block number i of a
// session.
func (m *Model) newBlock(i int) (*kvBlock, error) {
	size := m.kv.blockBytes
	if m.options.Admit != nil {
		if err := m.options.Admit(int64(size)); err != nil {
			return nil, fmt.Errorf("KV cache: %d bytes for positions %d and on: %w", size, i*kvBlockTokens, err)
		}
	}
	data, err := mmap.MapRegion(nil, size, mmap.RDWR, mmap.ANON, 0)
	if err != nil {
		m.releaseKV(1)
		return nil, fmt.Errorf("KV cache: %d bytes for positions %d and on: %w", size, i*kvBlockTokens, err)
	}
	m.kvBytes += int64(size)
	return &kvBlock{data: data, refs: 1}, nil
}

// drop gives up holds on blocks, and the memory of those that nobody holds any
// more.
func (m *Model) drop(blocks []*kvBlock) {
	freed := 0
	for _, b := range blocks {
		if b.refs--; b.refs > 0 {
			continue
		}
		if err := b.data.Unmap(); err != nil {
			panic("moe: unmapping a KV block: " + err.Error())
		}
		freed++
	}
	m.kvBytes -= int64(freed) * int64(m.kv.blockBytes)
	m.releaseKV(freed)
}

// releaseKV tells that a number of blocks is no longer held.
func (m *Model) releaseKV(blocks int) {
	if m.options.Admit == nil || blocks <= 0 {
		return
	}
	if err := m.options.Admit(-int64(blocks) * int64(m.kv.blockBytes)); err != nil {
		panic("moe: giving KV blocks back: " + err.Error())
	}
}

// write makes room for position pos, which follows those in use, and sees that
// its block is the session's alone.
func (kv *kvCache) write(pos int) error {
	i := pos / kvBlockTokens
	switch {
	case i == len(kv.blocks):
		b, err := kv.model.newBlock(i)
		if err != nil {
			return err
		}
		kv.blocks = append(kv.blocks, b)
	case kv.blocks[i].refs > 1:
		b, err := kv.model.newBlock(i)
		if err != nil {
			return err
		}
		copy(b.data, kv.blocks[i].data)
		kv.blocks[i].refs--
		kv.blocks[i] = b
	}
	return nil
}

// shrink gives back the blocks behind the first n positions.
func (kv *kvCache) shrink(n int) {
	keep := min((n+kvBlockTokens-1)/kvBlockTokens, len(kv.blocks))
	kv.model.drop(kv.blocks[keep:])
	clear(kv.blocks[keep:])
	kv.blocks = kv.blocks[:keep]
}

// key is where position pos of a head is stored, and value likewise.
func (kv *kvCache) key(layer, head, pos int) []byte {
	lay := &kv.model.kv
	rows := lay.keys(kv.blocks[pos/kvBlockTokens].data, layer, head)
	return rows[pos%kvBlockTokens*lay.keyRow:][:lay.keyRow]
}

func (kv *kvCache) value(layer, head, pos int) []byte {
	lay := &kv.model.kv
	rows := lay.values(kv.blocks[pos/kvBlockTokens].data, layer, head)
	return rows[pos%kvBlockTokens*lay.valueRow:][:lay.valueRow]
}
