package budget

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// SetGoLimit has the collector work harder rather than let the runtime's own
// memory (heap, stacks, what it keeps for later) exceed bytes, the heap's part
// of a budget. It is a soft limit: what is live stays. Arenas are not the
// runtime's and do not count. 0 or less takes the limit away.
//
// A limit that the user set with GOMEMLIMIT stays; then it returns false.
func SetGoLimit(bytes int64) bool {
	if os.Getenv("GOMEMLIMIT") != "" {
		return false
	}
	if bytes <= 0 {
		bytes = math.MaxInt64
	}
	debug.SetMemoryLimit(bytes)
	return true
}

// HeapInUse is what counts against that limit now: all that the Go runtime has
// from the system and did not give back, in bytes.
func HeapInUse() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64())
}
