package moe

import (
	"fmt"
	"strconv"
	"strings"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/gguf"
	"moed/moe/kernels"
)

// ExpertTable finds where the experts of a model lie from its header alone, in
// a stock file as in a packed one. The error names the tensor that is wrong,
// what it is and what was wanted. That the bundles of a packed file are as large
// as their shapes ask for is for whoever reads them to check.
func ExpertTable(f *gguf.File, c *Config) (*expert.Table, error) {
	t := &expert.Table{Layers: make([]expert.Layer, c.Layers)}
	p, err := readPacked(f)
	if err != nil {
		return nil, err
	}
	for i := c.LeadDense; i < c.Layers && c.Experts > 0; i++ {
		l := &t.Layers[i]
		l.Experts = c.Experts
		if _, ok := f.Tensor(BundlesName(i)); ok {
			err = p.layer(f, c, i, l)
		} else {
			err = stockLayer(f, c, i, l)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// stack is one matrix of all experts of a layer, with the part of its tensor's
// name that tells it from the other two.
type stack struct {
	matrix string
	*expert.Stack
}

// shape gives the stacks of l the shapes that c asks for.
func shape(c *Config, l *expert.Layer) [3]stack {
	l.Gate.Rows, l.Gate.Cols = c.ExpertFF, c.Hidden
	l.Up.Rows, l.Up.Cols = c.ExpertFF, c.Hidden
	l.Down.Rows, l.Down.Cols = c.Hidden, c.ExpertFF
	return [3]stack{{"gate", &l.Gate}, {"up", &l.Up}, {"down", &l.Down}}
}

func stockLayer(f *gguf.File, c *Config, i int, l *expert.Layer) error {
	for _, s := range shape(c, l) {
		b := binder{f: f}
		x := b.tensor(stackName(i, s.matrix), s.Cols, s.Rows, c.Experts)
		if x == nil {
			return b.err
		}
		if err := s.setType(x.Name, x.Type); err != nil {
			return err
		}
		s.Offset = x.Offset
	}
	return nil
}

// setType gives a stack whose shape is known its type and size.
func (s stack) setType(name string, typ ggml.Type) error {
	if _, ok := kernels.FormOf(typ); !ok {
		return fmt.Errorf("tensor %q: no kernel for %v (there are kernels for %v)", name, typ, kernels.Supported())
	}
	row, err := typ.RowBytes(s.Cols)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	s.Type, s.Size = typ, int64(row)*int64(s.Rows)
	return nil
}

// StackNames are the names of the tensors with the gate, up and down matrices of
// a layer's experts in a stock file.
func StackNames(layer int) [3]string {
	return [3]string{stackName(layer, "gate"), stackName(layer, "up"), stackName(layer, "down")}
}

func stackName(layer int, matrix string) string {
	return fmt.Sprintf("blk.%d.ffn_%s_exps.weight", layer, matrix)
}

// IsExpertTensor reports whether the tensor of that name holds the matrices of
// routed experts, which ExpertTable finds, and not what every token needs.
func IsExpertTensor(name string) bool {
	switch blockPart(name) {
	case "ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight", bundlesPart:
		return true
	}
	return false
}

// blockPart is a tensor's name within its layer, "" for one of no layer.
func blockPart(name string) string {
	rest, isBlock := strings.CutPrefix(name, "blk.")
	layer, part, _ := strings.Cut(rest, ".")
	if _, err := strconv.ParseUint(layer, 10, 31); !isBlock || err != nil {
		return ""
	}
	return part
}
