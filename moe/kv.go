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
// outside the Go heap, taken as the session grows.
type kvCache struct {
	layout *kvLayout
	admit  func(bytes int64) error // nil admits all
	blocks []mmap.MMap
}

// grow makes room for n positions.
func (kv *kvCache) grow(n int) error {
	for len(kv.blocks)*kvBlockTokens < n {
		if kv.admit != nil {
			if err := kv.admit(int64(kv.layout.blockBytes)); err != nil {
				return fmt.Errorf("KV cache: %d bytes for positions %d and on: %w", kv.layout.blockBytes, len(kv.blocks)*kvBlockTokens, err)
			}
		}
		b, err := mmap.MapRegion(nil, kv.layout.blockBytes, mmap.RDWR, mmap.ANON, 0)
		if err != nil {
			kv.release(1)
			return fmt.Errorf("KV cache: %d bytes for positions %d and on: %w", kv.layout.blockBytes, len(kv.blocks)*kvBlockTokens, err)
		}
		kv.blocks = append(kv.blocks, b)
	}
	return nil
}

// shrink gives back the blocks behind the first n positions.
func (kv *kvCache) shrink(n int) {
	keep := (n + kvBlockTokens - 1) / kvBlockTokens
	for i := keep; i < len(kv.blocks); i++ {
		b := kv.blocks[i]
		if err := b.Unmap(); err != nil {
			panic("moe: unmapping a KV block: " + err.Error())
		}
	}
	kv.release(len(kv.blocks) - keep)
	kv.blocks = kv.blocks[:min(keep, len(kv.blocks))]
}

// release tells that a number of blocks is no longer held.
func (kv *kvCache) release(blocks int) {
	if kv.admit == nil || blocks <= 0 {
		return
	}
	if err := kv.admit(-int64(blocks) * int64(kv.layout.blockBytes)); err != nil {
		panic("moe: giving KV blocks back: " + err.Error())
	}
}

// key is where position pos of a head is stored, and value likewise.
func (kv *kvCache) key(layer, head, pos int) []byte {
	rows := kv.layout.keys(kv.blocks[pos/kvBlockTokens], layer, head)
	return rows[pos%kvBlockTokens*kv.layout.keyRow:][:kv.layout.keyRow]
}

func (kv *kvCache) value(layer, head, pos int) []byte {
	rows := kv.layout.values(kv.blocks[pos/kvBlockTokens], layer, head)
	return rows[pos%kvBlockTokens*kv.layout.valueRow:][:kv.layout.valueRow]
}

func (kv *kvCache) bytes() int64 { return int64(len(kv.blocks)) * int64(kv.layout.blockBytes) }
