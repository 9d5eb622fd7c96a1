package bundle_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"moed/flashio/bundle"
	"moed/moe/ggml"
	"moed/moe/kernels"
)

// expert is one of random bytes, with the geometry of its shapes.
type expert struct {
	*bundle.Geometry
	gate, up, down []byte
}

func newExpert(t testing.TB, gate, up, down ggml.Type, width, hidden, group int) expert {
	t.Helper()
	g, err := bundle.New(bundle.Shape{Type: gate, Rows: width, Cols: hidden}, bundle.Shape{Type: up, Rows: width, Cols: hidden},
		bundle.Shape{Type: down, Rows: hidden, Cols: width}, group)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.NewChaCha8([32]byte{1})
	e := expert{g, make([]byte, g.GateBytes), make([]byte, g.UpBytes), make([]byte, g.DownBytes)}
	for _, m := range [][]byte{e.gate, e.up, e.down} {
		rng.Read(m)
	}
	return e
}

func (e expert) pack(id bundle.ID) []byte {
	b := make([]byte, e.Stride)
	e.Pack(b, id, e.gate, e.up, e.down)
	return b
}

// TestRoundTrip packs and unpacks every type that a kernel reads, in every
// group that the width allows: the bytes must come back.
func TestRoundTrip(t *testing.T) {
	for _, down := range kernels.Supported() {
		for _, gate := range []ggml.Type{down, ggml.Q8_0} {
			for _, group := range []int{0, max(down.BlockElems(), 8), 256, 768} {
				t.Run(fmt.Sprint(down, gate, group), func(t *testing.T) {
					e := newExpert(t, gate, gate, down, 768, 512, group)
					id := bundle.ID{Layer: 7, Expert: 63}
					packed := e.pack(id)
					gate, up, down := make([]byte, e.GateBytes), make([]byte, e.UpBytes), make([]byte, e.DownBytes)
					if err := e.Unpack(gate, up, down, packed, id); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(gate, e.gate) || !bytes.Equal(up, e.up) || !bytes.Equal(down, e.down) {
						t.Fatal("another expert came back")
					}
					if err := e.Verify(packed, id); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

// TestLayout pins the format: where the parts of a bundle lie, byte by byte.
func TestLayout(t *testing.T) {
	e := newExpert(t, ggml.Q8_0, ggml.F16, ggml.Q4_0, 96, 64, 32)
	b := e.pack(bundle.ID{Layer: 258, Expert: 5})
	const gateRow, upRow, downRow, block, group = 68, 128, 54, 18, 32
	if e.Bundles != 3 || e.Bundle != 8192 || e.Stride != 3*8192 {
		t.Fatalf("geometry %+v", e.Geometry)
	}
	for n := range e.Bundles {
		part := b[n*8192:][:8192]
		want := append([]byte(nil), e.gate[n*group*gateRow:][:group*gateRow]...)
		want = append(want, e.up[n*group*upRow:][:group*upRow]...)
		for r := range 64 {
			want = append(want, e.down[r*downRow+n*block:][:block]...)
		}
		if !bytes.Equal(part[:len(want)], want) {
			t.Fatalf("bundle %d: another payload", n)
		}
		foot := part[len(want):]
		if string(foot[:4]) != "MoEb" {
			t.Errorf("bundle %d: footer begins %q", n, foot[:4])
		}
		for i, v := range []uint32{1, 258, 5, uint32(n), group} {
			if found := binary.LittleEndian.Uint32(foot[4+4*i:]); found != v {
				t.Errorf("bundle %d: number %d of the footer is %d, want %d", n, i+1, found, v)
			}
		}
		if !bytes.Equal(foot[32:], make([]byte, len(foot)-32)) {
			t.Errorf("bundle %d: padding is not zero", n)
		}
	}
}

// TestGroup holds the groups of shapes that models have.
func TestGroup(t *testing.T) {
	for _, c := range []struct {
		name          string
		gate, down    ggml.Type
		width, hidden int
		group         int
		bundle        int64
	}{
		{"Qwen3-30B-A3B Q4_K", ggml.Q4_K, ggml.Q4_K, 768, 2048, 256, 888832},
		{"Qwen3-30B-A3B Q6_K down", ggml.Q4_K, ggml.Q6_K, 768, 2048, 256, 1024000},
		{"gpt-oss-20b", ggml.MXFP4, ggml.MXFP4, 2880, 2880, 32, 147456},
		{"DeepSeek-V2-Lite Q8_0 down", ggml.Q4_K, ggml.Q8_0, 1408, 2048, 64, 290816},
		{"float", ggml.F32, ggml.F32, 768, 2048, 32, 790528},
		{"no block of 32", ggml.F32, ggml.F32, 40, 2048, 40, 987136},
		{"smaller than a page", ggml.F32, ggml.F32, 8, 8, 8, 4096},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExpert(t, c.gate, c.gate, c.down, c.width, c.hidden, 0)
			if e.Group != c.group || e.Bundle != c.bundle {
				t.Errorf("group %d in %d bytes, want %d in %d", e.Group, e.Bundle, c.group, c.bundle)
			}
		})
	}
}

// TestNewRefuses gives New shapes that are no expert's, and numbers that would
// overflow.
func TestNewRefuses(t *testing.T) {
	good := bundle.Shape{Type: ggml.Q4_K, Rows: 256, Cols: 256}
	with := func(rows, cols int) bundle.Shape { return bundle.Shape{Type: ggml.Q4_K, Rows: rows, Cols: cols} }
	for name, c := range map[string]struct {
		gate, up, down bundle.Shape
		group          int
	}{
		"no rows":        {with(0, 256), good, good, 0},
		"negative":       {with(-256, 256), good, good, 0},
		"half a block":   {good, good, with(256, 128), 0},
		"huge":           {with(math.MaxInt, 256), with(math.MaxInt, 256), with(256, math.MaxInt), 0},
		"large":          {with(1<<24, 1<<24), with(1<<24, 1<<24), with(1<<24, 1<<24), 0},
		"other up":       {good, with(512, 256), good, 0},
		"other down":     {good, good, with(512, 256), 0},
		"unknown type":   {bundle.Shape{Type: 255, Rows: 256, Cols: 256}, good, good, 0},
		"group 1":        {good, good, good, 1},
		"negative group": {good, good, good, -256},
		"large group":    {good, good, good, 512},
	} {
		if g, err := bundle.New(c.gate, c.up, c.down, c.group); err == nil {
			t.Errorf("%s: made %+v", name, g)
		}
	}
}

// TestUnpackRefuses changes each byte of the footers, and gives the bundles of
// other experts: none may be taken.
func TestUnpackRefuses(t *testing.T) {
	e := newExpert(t, ggml.Q8_0, ggml.Q8_0, ggml.Q8_0, 64, 64, 32)
	id := bundle.ID{Layer: 1, Expert: 2}
	packed := e.pack(id)
	unpack := func(src []byte, id bundle.ID) error {
		return e.Unpack(make([]byte, e.GateBytes), make([]byte, e.UpBytes), make([]byte, e.DownBytes), src, id)
	}
	for _, other := range []bundle.ID{{Layer: 1, Expert: 3}, {Layer: 0, Expert: 2}} {
		if err := unpack(packed, other); !errors.Is(err, bundle.ErrFormat) {
			t.Errorf("%v for %v: error %v", id, other, err)
		}
	}
	foot := int(e.GateBytes+e.UpBytes+e.DownBytes) / e.Bundles
	for at := foot; at < foot+32; at++ {
		broken := bytes.Clone(packed)
		broken[at] ^= 0x40
		inData := at >= foot+24 && at < foot+28 // the data's checksum, which the footer's covers
		if err := unpack(broken, id); err == nil {
			t.Errorf("byte %d of the footer changed (data checksum: %v): no error", at-foot, inData)
		}
	}
	swapped := append(bytes.Clone(packed[e.Bundle:]), packed[:e.Bundle]...)
	if err := unpack(swapped, id); !errors.Is(err, bundle.ErrFormat) {
		t.Errorf("bundles exchanged: error %v", err)
	}
	if err := unpack(packed[:len(packed)-1], id); err == nil {
		t.Error("a byte missing: no error")
	}
	if err := unpack(make([]byte, e.Stride), id); !errors.Is(err, bundle.ErrFormat) {
		t.Errorf("zeros: error %v", err)
	}
}

// TestVerify changes each byte of the data: each must be noticed.
func TestVerify(t *testing.T) {
	e := newExpert(t, ggml.Q4_0, ggml.Q4_0, ggml.Q4_0, 64, 32, 32)
	id := bundle.ID{}
	packed := e.pack(id)
	foot := int(e.GateBytes+e.UpBytes+e.DownBytes) / e.Bundles
	for n := range e.Bundles {
		for at := range foot {
			i := n*int(e.Bundle) + at
			packed[i] ^= 1
			if err := e.Verify(packed, id); !errors.Is(err, bundle.ErrChecksum) {
				t.Fatalf("byte %d of bundle %d changed: error %v", at, n, err)
			}
			packed[i] ^= 1
		}
	}
	if err := e.Verify(packed, id); err != nil {
		t.Fatal(err)
	}
}

// FuzzUnpack gives Unpack and Verify any bytes: they fail or give what Pack
// makes the same bytes of.
func FuzzUnpack(f *testing.F) {
	e := newExpert(f, ggml.Q4_0, ggml.Q8_0, ggml.Q4_1, 64, 32, 32)
	id := bundle.ID{Layer: 3, Expert: 4}
	f.Add(e.pack(id))
	f.Add(e.pack(bundle.ID{}))
	f.Add([]byte("MoEb"))
	f.Fuzz(func(t *testing.T, src []byte) {
		gate, up, down := make([]byte, e.GateBytes), make([]byte, e.UpBytes), make([]byte, e.DownBytes)
		unpacked := e.Unpack(gate, up, down, src, id)
		verified := e.Verify(src, id)
		if verified == nil && unpacked != nil {
			t.Fatalf("verified, but: %v", unpacked)
		}
		if verified != nil {
			return
		}
		again := make([]byte, e.Stride)
		e.Pack(again, id, gate, up, down)
		if err := e.Verify(again, id); err != nil {
			t.Fatal(err)
		}
		payload := int(e.GateBytes+e.UpBytes+e.DownBytes)/e.Bundles + 32
		for n := range e.Bundles {
			at := n * int(e.Bundle)
			if !bytes.Equal(again[at:at+payload], src[at:at+payload]) {
				t.Fatalf("bundle %d is another when packed again", n)
			}
		}
	})
}

// FuzzNew gives New any numbers: it fails, or what it made is consistent.
func FuzzNew(f *testing.F) {
	f.Add(uint32(12), uint32(12), uint32(14), 768, 2048, 768, 2048, 2048, 768, 0)
	f.Add(uint32(0), uint32(0), uint32(0), 1<<24, 1<<24, 1<<24, 1<<24, 1<<24, 1<<24, 32)
	f.Add(uint32(39), uint32(39), uint32(39), 2880, 2880, 2880, 2880, 2880, 2880, 96)
	f.Fuzz(func(t *testing.T, gt, ut, dt uint32, gr, gc, ur, uc, dr, dc, group int) {
		g, err := bundle.New(bundle.Shape{Type: ggml.Type(gt), Rows: gr, Cols: gc}, bundle.Shape{Type: ggml.Type(ut), Rows: ur, Cols: uc},
			bundle.Shape{Type: ggml.Type(dt), Rows: dr, Cols: dc}, group)
		if err != nil {
			return
		}
		switch {
		case g.Group < 1 || g.Group*g.Bundles != gr:
			t.Errorf("%d bundles of %d neurons, the expert has %d", g.Bundles, g.Group, gr)
		case g.Bundle < 1 || g.Bundle%bundle.Align != 0 || g.Stride != g.Bundle*int64(g.Bundles):
			t.Errorf("%d bundles of %d bytes in %d", g.Bundles, g.Bundle, g.Stride)
		case g.GateBytes < 1 || g.UpBytes < 1 || g.DownBytes < 1 || g.Stride < g.GateBytes+g.UpBytes+g.DownBytes+32*int64(g.Bundles):
			t.Errorf("%d bytes for matrices of %d, %d and %d", g.Stride, g.GateBytes, g.UpBytes, g.DownBytes)
		}
	})
}
