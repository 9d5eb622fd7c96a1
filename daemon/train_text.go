package daemon

import (
	"fmt"

	"moed/predictor/path"
	"moed/predictor/trace"
)

// textsOf gives the texts of a trace, which must be of the model id.
func textsOf(t *trace.Trace, id *path.Identity) ([]path.Text, error) {
	if err := sameShape(t, id); err != nil {
		return nil, err
	}
	g := gatherer{id: id, latest: map[int]*gathered{}}
	named := false
	for i := range t.Visits {
		v := &t.Visits[i]
		if v.IDs != nil {
			named = true
			g.visit(v)
		}
	}
	if !named {
		return nil, fmt.Errorf("%w: it does not name its tokens", ErrTrainTrace)
	}
	texts := make([]path.Text, len(g.all))
	for i, x := range g.all {
		texts[i] = x.Text
	}
	return texts, nil
}

// sameShape refuses a trace that another model has made, as far as it tells.
func sameShape(t *trace.Trace, id *path.Identity) error {
	differ := len(t.Layers) != len(id.Experts) || t.TopK != id.TopK
	for i := 0; i < len(t.Layers) && !differ; i++ {
		differ = t.Layers[i].Experts != id.Experts[i]
	}
	if differ || t.Arch != "" && t.Arch != id.Arch {
		return fmt.Errorf("%w: it is of %s (%s, %d layers of up to %d experts, %d chosen), not of %s (%s)",
			ErrTrainTrace, t.Model, t.Arch, len(t.Layers), t.Experts(), t.TopK, id.Name, id.Arch)
	}
	return nil
}

// gatherer puts the visits of layers together to texts.
type gatherer struct {
	id     *path.Identity
	all    []*gathered
	latest map[int]*gathered // by turn
}

// gathered is a text and the place of its first token.
type gathered struct {
	path.Text
	first int
}

func (g *gatherer) visit(v *trace.Visit) {
	k := g.id.TopK
	for i, token := range v.IDs {
		x, pos := g.latest[v.Turn], int(v.Pos[i])
		if x == nil || !x.takes(pos-x.first, token, v.Layer, k) {
			x = &gathered{first: pos, Text: path.Text{Chosen: make([][]int32, len(g.id.Experts))}}
			g.latest[v.Turn] = x
			g.all = append(g.all, x)
		}
		at := pos - x.first
		if at == len(x.IDs) {
			x.grow(token, g.id)
		}
		copy(x.Chosen[v.Layer][at*k:][:k], v.Chosen[i*k:])
	}
}

// takes reports whether a layer's choice for a token can have place at in x: it
// is the next, or one whose choice in that layer is not known yet. A text that
// goes back is another one from there on.
func (x *gathered) takes(at int, token int32, layer, k int) bool {
	if at < 0 || at > len(x.IDs) {
		return false
	}
	return at == len(x.IDs) || x.IDs[at] == token && x.Chosen[layer][at*k] < 0
}

// grow appends a token of which no choice is known.
func (x *gathered) grow(token int32, id *path.Identity) {
	x.IDs = append(x.IDs, token)
	for layer, experts := range id.Experts {
		if experts > 0 {
			for range id.TopK {
				x.Chosen[layer] = append(x.Chosen[layer], -1)
			}
		}
	}
}
