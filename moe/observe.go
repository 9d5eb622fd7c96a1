package moe

import "moed/moe/expert"

// Observe has f told of each layer's demand before its experts are fetched,
// wherever they come from; nil ends it. A pass that fails has told of the
// layers that it came to. f is called by the goroutine of the forward pass, must
// not call the model, and keeps nothing of the demand.
func (m *Model) Observe(f func(d *expert.Demand)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runner.observe = f
}
