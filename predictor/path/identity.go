package path

import (
	"errors"
	"fmt"
	"slices"
)

// ErrOtherModel says that a path belongs to another language model.
var ErrOtherModel = errors.New("trained for another model")

// Identity says which language model a path belongs to.
type Identity struct {
	Name        string // for people; not compared
	Arch        string
	Fingerprint string // of what the model's file says of itself
	Experts     []int  // by layer; 0 where a layer has no routed experts
	TopK        int    // experts that a token chooses in a layer
	Vocab       int
}

// Bounds of what is trained and loaded, far beyond any model.
const (
	maxName   = 256
	maxLayers = 1 << 12
	maxCells  = 1 << 17 // experts in all layers
	maxTopK   = 1 << 10
	maxVocab  = 1 << 24
)

func (id *Identity) check() error {
	if len(id.Name) > maxName || len(id.Arch) > maxName || len(id.Fingerprint) > maxName {
		return fmt.Errorf("a name is longer than %d bytes", maxName)
	}
	if len(id.Experts) > maxLayers {
		return fmt.Errorf("found %d layers, want at most %d", len(id.Experts), maxLayers)
	}
	if id.TopK < 1 || id.TopK > maxTopK || id.Vocab < 1 || id.Vocab > maxVocab {
		return fmt.Errorf("found a choice of %d experts and a vocabulary of %d, want 1 to %d and 1 to %d", id.TopK, id.Vocab, maxTopK, maxVocab)
	}
	cells := 0
	for layer, n := range id.Experts {
		if n < 0 || n > maxCells || n > 0 && n < id.TopK {
			return fmt.Errorf("layer %d: found a choice of %d out of %d experts", layer, id.TopK, n)
		}
		if cells += n; cells > maxCells {
			return fmt.Errorf("found more than %d experts", maxCells)
		}
	}
	if cells == 0 {
		return errors.New("found no layer with experts")
	}
	return nil
}

// differs says how other is not the same model, or "".
func (id *Identity) differs(other *Identity) string {
	switch {
	case id.Arch != other.Arch:
		return fmt.Sprintf("its architecture is %q, not %q", id.Arch, other.Arch)
	case !slices.Equal(id.Experts, other.Experts):
		return "its layers have other numbers of experts"
	case id.TopK != other.TopK:
		return fmt.Sprintf("its tokens choose %d experts, not %d", id.TopK, other.TopK)
	case id.Vocab != other.Vocab:
		return fmt.Sprintf("its vocabulary has %d tokens, not %d", id.Vocab, other.Vocab)
	case id.Fingerprint != other.Fingerprint:
		return "its file says other things of itself"
	}
	return ""
}

// routed is the number of layers with experts.
func (id *Identity) routed() int {
	n := 0
	for _, e := range id.Experts {
		if e > 0 {
			n++
		}
	}
	return n
}
