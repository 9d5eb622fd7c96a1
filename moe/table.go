package moe

import (
	"fmt"

	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/kernels"
)

// ExpertTable finds where the experts of a model lie from its header alone.
func ExpertTable(f *gguf.File, c *Config) (*expert.Table, error) {
	t := &expert.Table{Layers: make([]expert.Layer, c.Layers)}
	for i := c.LeadDense; i < c.Layers && c.Experts > 0; i++ {
		l := &t.Layers[i]
		l.Experts = c.Experts
		for _, m := range []struct {
			name       string
			s          *expert.Stack
			rows, cols int
		}{{"gate", &l.Gate, c.ExpertFF, c.Hidden}, {"up", &l.Up, c.ExpertFF, c.Hidden}, {"down", &l.Down, c.Hidden, c.ExpertFF}} {
			name := fmt.Sprintf("blk.%d.ffn_%s_exps.weight", i, m.name)
			b := binder{f: f}
			x := b.tensor(name, m.cols, m.rows, c.Experts)
			if x == nil {
				return nil, b.err
			}
			if _, ok := kernels.FormOf(x.Type); !ok {
				return nil, fmt.Errorf("tensor %q: no kernel for %v (there are kernels for %v)", name, x.Type, kernels.Supported())
			}
			*m.s = expert.Stack{Type: x.Type, Rows: m.rows, Cols: m.cols, Offset: x.Offset, Size: x.Size / int64(c.Experts)}
		}
	}
	return t, nil
}
