package predictor_test

import (
	"runtime"
	"testing"

	"moed/moe/expert"
	"moed/moe/kernels"
	"moed/predictor"
)

// TestBytes: what is said to be needed is what is taken, within a half.
func TestBytes(t *testing.T) {
	const layers, experts, hidden, topK, tokens = 24, 64, 512, 6, 8
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	l := newLarge(t, layers, experts, hidden, topK, tokens) // whose demands and routers stay
	l.pass()
	l.pass()
	full := heap()
	l.p = nil
	got := full - heap()
	runtime.KeepAlive(l)
	gates := make([]expert.Gate, layers)
	for i := range gates {
		gates[i] = expert.Gate{Router: kernels.Matrix{Rows: experts, Cols: hidden}, TopK: topK}
	}
	if want := predictor.Bytes(gates, predictor.Options{}); got > want || got < want/2 {
		t.Errorf("%d bytes are taken, %d were said", got, want)
	}
}
