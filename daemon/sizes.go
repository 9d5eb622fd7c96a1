package daemon

import (
	"slices"
	"strconv"
	"strings"

	"moed/moe/gguf"
)

// Sizes of a file's parts, in bytes.
type Sizes struct {
	File    int64 `json:"file"`
	Dense   int64 `json:"dense"`   // all tensors but the routed experts' matrices
	Experts int64 `json:"experts"` // the routed experts' matrices
	// Expert is one routed expert of the layer where they are largest;
	// ExpertSmallest of the layer where they are smallest.
	Expert         int64 `json:"expert"`
	ExpertSmallest int64 `json:"expert_smallest"`
	// TokenExperts is what one token chooses in all layers: the least that
	// must be at hand for a token without waiting.
	TokenExperts int64 `json:"token_experts"`
}

// Group is a set of tensors with one job.
type Group struct {
	Name    string         `json:"name"`
	Tensors int            `json:"tensors"`
	Bytes   int64          `json:"bytes"`
	Types   map[string]int `json:"types"` // tensors per type
}

// groupNames in the order of a forward pass. groupOf gives no other.
var groupNames = [...]string{"embedding", "attention", "norms", "router", "experts gate", "experts up", "experts down",
	"shared expert", "dense feed-forward", "output", "other"}

// groupOf says what the tensor of that name is for. expert is whether it holds
// matrices of routed experts: all of a layer's, or in older files one.
func groupOf(name string) (group string, expert bool) {
	if part, isBlock := strings.CutPrefix(name, "blk."); isBlock {
		_, part, _ = strings.Cut(part, ".")
		return groupOfBlock(part)
	}
	switch {
	case strings.HasPrefix(name, "token_embd."):
		return "embedding", false
	case strings.HasPrefix(name, "output."):
		return "output", false
	case strings.Contains(name, "norm"):
		return "norms", false
	}
	return "other", false
}

// groupOfBlock does so for a tensor of a layer, without the layer's prefix.
func groupOfBlock(part string) (group string, expert bool) {
	stem, rest, _ := strings.Cut(part, ".")
	weight := strings.HasSuffix(rest, "weight")
	switch {
	case strings.HasSuffix(stem, "_norm"):
		return "norms", false
	case strings.HasPrefix(stem, "attn"):
		return "attention", false
	case stem == "ffn_gate_inp" || stem == "exp_probs_b":
		return "router", false
	case strings.HasSuffix(stem, "_shexp"):
		return "shared expert", false
	}
	matrix, exps := strings.CutSuffix(stem, "_exps")
	switch matrix {
	case "ffn_gate", "ffn_gate_up", "ffn_up", "ffn_down":
		// One expert a tensor: blk.3.ffn_up.5.weight.
		if !exps && rest == "weight" || rest == "bias" && !exps {
			return "dense feed-forward", false
		}
		kind := strings.TrimPrefix(matrix, "ffn_")
		if kind == "gate_up" {
			kind = "gate"
		}
		return "experts " + kind, weight
	}
	if strings.HasPrefix(stem, "ffn") {
		return "router", false // whatever else steers it
	}
	return "other", false
}

// layerOf is the layer in the name of a layer's tensor.
func layerOf(name string) int {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "blk."), ".")
	layer, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return layer
}

// measure fills Sizes and Groups, and notes types without a kernel.
func (r *Report) measure(tensors []gguf.Tensor) {
	groups := map[string]*Group{}
	layers := map[int]int64{} // bytes of a layer's routed experts
	for i := range tensors {
		t := &tensors[i]
		name, expert := groupOf(t.Name)
		g := groups[name]
		if g == nil {
			g = &Group{Name: name, Types: map[string]int{}}
			groups[name] = g
		}
		g.Tensors++
		g.Bytes += t.Size
		g.Types[t.Type.String()]++
		if expert {
			r.Sizes.Experts += t.Size
			layers[layerOf(t.Name)] += t.Size
		} else {
			r.Sizes.Dense += t.Size
		}
	}
	for _, name := range groupNames {
		if g := groups[name]; g != nil {
			r.Groups = append(r.Groups, *g)
		}
	}
	r.measureExperts(layers)
	r.noKernel(tensors)
}

func (r *Report) measureExperts(layers map[int]int64) {
	if r.Experts <= 0 || len(layers) == 0 {
		return
	}
	each := make([]int64, 0, len(layers))
	for layer, bytes := range layers {
		one := bytes / int64(r.Experts)
		each = append(each, one)
		if layer < r.Layers { // a NextN head beyond them is not run
			r.Sizes.TokenExperts += one * int64(min(r.TopK, r.Experts))
		}
	}
	r.Sizes.Expert, r.Sizes.ExpertSmallest = slices.Max(each), slices.Min(each)
}
