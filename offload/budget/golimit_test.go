package budget_test

import (
	"math"
	"runtime"
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

// What is live counts, and what was given back to the system does not.
func TestHeapInUse(t *testing.T) {
	const size = 64 << 20
	debug.FreeOSMemory()
	before := budget.HeapInUse()
	block := make([]byte, size)
	with := budget.HeapInUse()
	runtime.KeepAlive(block)
	debug.FreeOSMemory()
	after := budget.HeapInUse()
	if before <= 0 || with-before < size*9/10 || with-after < size*9/10 {
		t.Errorf("in use: %d bytes before, %d with %d more, %d after", before, with, size, after)
	}
}
