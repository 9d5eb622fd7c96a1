package moetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// The digest is that of fi_double, wi_double and ki_double in numpy 1.24.2's
// libnpyrandom.
func TestZigguratTables(t *testing.T) {
	z := newZigguratTables()
	var b []byte
	for _, v := range z.height {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range z.width {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range z.inside {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	const want = "e3811c133c6e61093d15d9a7c4dc37d055d79937a0084872fdde0905da48cd1c"
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
		t.Errorf("got digest %s, want %s", got, want)
	}
}

func TestNormalDraws(t *testing.T) {
	n := NewNormal(NewPCG(1)) // default_rng(1).standard_normal(200000)
	var b []byte
	for i := range 200000 {
		x := n.Next()
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
		if want, ok := map[int]float64{ // draws from the tail
			860: 0x1.e035931978327p+1, 3284: 0x1.dbdba47b03290p+1, 9176: -0x1.d50621848197dp+1,
		}[i]; ok && math.Abs(x-want) > 1e-15 {
			t.Errorf("draw %d: got %x, want %x", i, x, want)
		}
	}
	const want = "18c7e22b6f0b36b3e57b14b7ced882d86a08e67f75c231ac1c4c43b412b25b73"
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
		t.Errorf("got digest %s of the draws as float32, want %s", got, want)
	}
}
