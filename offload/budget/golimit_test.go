package budget_test

import (
	"math"
	"runtime/debug"
	"testing"

	"moed/offload/budget"
)

func TestSetGoLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	limit := func() int64 { return debug.SetMemoryLimit(-1) }

	t.Setenv("GOMEMLIMIT", "")
	if !budget.SetGoLimit(3<<30) || limit() != 3<<30 {
		t.Errorf("limit %d, want 3 GiB", limit())
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	if budget.SetGoLimit(2<<30) || limit() != 3<<30 {
		t.Errorf("limit %d: what the user set was changed", limit())
	}
	t.Setenv("GOMEMLIMIT", "")
	if !budget.SetGoLimit(0) || limit() != math.MaxInt64 {
		t.Errorf("limit %d, want none", limit())
	}
}

func TestHeapInUse(t *testing.T) {
	before := budget.HeapInUse()
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	if grown := budget.HeapInUse() - before; before <= 0 || grown < 60<<20 {
		t.Errorf("%d bytes in use, %d more with 64 MiB more", before, grown)
	}
	if block[len(block)-1] != 1 {
		t.Error("unreachable, but keeps the block")
	}
}
