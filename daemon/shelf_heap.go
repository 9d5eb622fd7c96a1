package daemon

import (
	"sync"

	"moed/offload/budget"
)

// heapLimit is the limit of the Go heap, of which there is one in a process
// however many models are open.
type heapLimit struct {
	mu    sync.Mutex
	parts map[*memory]int64
}

// set has a model's part count, in bytes.
func (h *heapLimit) set(m *memory, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parts == nil {
		h.parts = map[*memory]int64{}
	}
	h.parts[m] = bytes
	budget.SetGoLimit(h.sum())
}

// drop takes it off again. Without any there is no limit.
func (h *heapLimit) drop(m *memory) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.parts[m]; ok {
		delete(h.parts, m)
		budget.SetGoLimit(h.sum())
	}
}

// sum is the limit: no lower than what is in use already, or the collector would
// never rest; 0 where there are no parts. The caller holds mu.
func (h *heapLimit) sum() int64 {
	sum := int64(0)
	for _, bytes := range h.parts {
		sum += bytes
	}
	if len(h.parts) == 0 {
		return 0
	}
	return max(sum, budget.HeapInUse()*5/4)
}
