package daemon

import (
	"math"

	"moed/moe/expert"
)

// heat is how much each expert was used lately: counts that fade, so that what
// was used long ago cools down.
type heat struct {
	experts int       // of the layer that has most
	uses    []float32 // [layers][experts]
	tokens  int       // since the counts last faded
}

// Counts halve every fadeTokens tokens of the first layer.
const fadeTokens = 512

// hear takes in a demand. The forward pass calls it.
func (l *loop) hear(d *expert.Demand) {
	l.steps.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	h := &l.heat
	if h.uses == nil {
		c := l.model.Config()
		h.experts, h.uses = c.Experts, make([]float32, c.Layers*c.Experts)
	}
	for i, e := range d.Experts {
		h.uses[d.Layer*h.experts+int(e)] += float32(d.Counts[i])
	}
	if d.Layer != l.model.Config().Layers-1 {
		return
	}
	if h.tokens += d.Tokens; h.tokens < fadeTokens {
		return
	}
	h.tokens = 0
	for i := range h.uses {
		h.uses[i] /= 2
	}
}

// Heat is how much each expert is used and where it is.
func (e *Engine) Heat() Heat {
	c := e.model.Config()
	out := Heat{Layers: c.Layers, Experts: c.Experts}
	if c.Experts == 0 {
		return Heat{}
	}
	out.Heat, out.Resident = make([]uint8, c.Layers*c.Experts), make([]uint8, c.Layers*c.Experts)
	l := e.loop
	l.mu.Lock()
	most := float32(0)
	for _, u := range l.heat.uses {
		most = max(most, u)
	}
	for i, u := range l.heat.uses {
		if u > 0 {
			out.Heat[i] = uint8(255*math.Log1p(float64(u))/math.Log1p(float64(most)) + 0.5)
		}
	}
	l.mu.Unlock()
	if e.flash != nil && e.flash.store != nil {
		out.Resident = e.flash.store.Resident(out.Resident)
		return out
	}
	for i := range out.Resident { // the built-in model is in memory
		out.Resident[i] = 1
	}
	return out
}
