package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"moed/daemon"
	"moed/moe"
	"moed/moe/gguf"
	"moed/placement"
	"moed/predictor/trace"
)

// routing is what is placed: the experts of a model, and which of them recorded
// tokens chose.
type routing struct {
	model  string
	size   int64  // bytes of the model's file; 0 where none was given
	header string // its daemon.Identity
	hidden int64  // bytes of a token's hidden state in f32; 0 where unknown
	layers [][]int64
	usage  placement.Usage
	uses   [][]int64 // [layer][expert], how often chosen
	notes  []string
}

// equalExpert is how large an expert is where nobody says.
const equalExpert = 1 << 20

// readRouting reads a trace, and how large experts are: from the header of the
// model's file where one is named, else what bytes says, else the trace.
func readRouting(path, model string, bytes int64) (*routing, error) {
	t, err := openTrace(path)
	if err != nil {
		return nil, err
	}
	r := &routing{model: t.Model}
	if t.Note != "" {
		r.notes = append(r.notes, t.Note)
	}
	if model != "" {
		err = r.measure(model, t)
	} else {
		r.guess(t, bytes)
	}
	if err != nil {
		return nil, err
	}
	tokens, err := tokensOf(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.count(tokens)
	r.usage, err = placement.NewUsage(tokens)
	return r, err
}

func (r *routing) count(tokens [][][]uint16) {
	r.uses = make([][]int64, len(r.layers))
	for l := range r.uses {
		r.uses[l] = make([]int64, len(r.layers[l]))
		for _, token := range tokens {
			for _, e := range token[l] {
				r.uses[l][e]++
			}
		}
	}
}

func openTrace(path string) (*trace.Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := trace.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// measure takes the sizes from a model's header.
func (r *routing) measure(path string, t *trace.Trace) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", path)
	}
	head, err := gguf.Read(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	header, err := daemon.Identity(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	config, err := moe.ReadConfig(head)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	table, err := moe.ExpertTable(head, config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(table.Layers) != len(t.Layers) {
		return fmt.Errorf("%s has %d layers and the trace %d: want a trace of this model", path, len(table.Layers), len(t.Layers))
	}
	r.layers = make([][]int64, len(t.Layers))
	for i := range table.Layers {
		l := &table.Layers[i]
		if l.Experts != t.Layers[i].Experts {
			return fmt.Errorf("%s has %d experts in layer %d and the trace %d: want a trace of this model", path, l.Experts, i, t.Layers[i].Experts)
		}
		r.layers[i] = slices.Repeat([]int64{l.Bytes()}, l.Experts)
	}
	r.model, r.size, r.header = filepath.Base(path), info.Size(), header
	r.hidden = 4 * int64(config.Hidden)
	return nil
}

// guess takes the sizes from the flag, or from the trace.
func (r *routing) guess(t *trace.Trace, bytes int64) {
	known := !slices.ContainsFunc(t.Layers, func(l trace.Layer) bool { return l.Experts > 0 && l.Bytes == 0 })
	if !known && bytes == 0 {
		bytes = equalExpert
		r.notes = append(r.notes, fmt.Sprintf("the trace does not say how large an expert is: each counts as %s; name the model, or --expert-bytes", bytesText(bytes)))
	}
	r.layers = make([][]int64, len(t.Layers))
	for i, l := range t.Layers {
		each := l.Bytes
		if bytes > 0 {
			each = bytes
		}
		r.layers[i] = slices.Repeat([]int64{each}, l.Experts)
	}
}

// bytes is the size of all experts, and count how many they are.
func (r *routing) bytes() (bytes int64, count int) {
	for _, sizes := range r.layers {
		for _, b := range sizes {
			bytes += b
		}
		count += len(sizes)
	}
	return bytes, count
}

var errNoTokens = errors.New("the trace has no tokens")

// mostCells bounds tokens times layers, so that a small file that promises much
// does not fill the memory.
const mostCells = 1 << 24

// tokensOf is what every token of a trace chose: tokens × layers × experts. A
// batch of tokens goes through the layers from the first up; a layer that serves
// only some of them serves the last.
func tokensOf(t *trace.Trace) ([][][]uint16, error) {
	var tokens [][][]uint16
	for first := 0; first < len(t.Visits); {
		end, widest := first+1, t.Visits[first].Tokens
		for end < len(t.Visits) && t.Visits[end].Turn == t.Visits[first].Turn && t.Visits[end].Layer > t.Visits[end-1].Layer {
			widest = max(widest, t.Visits[end].Tokens)
			end++
		}
		if len(tokens)+widest > mostCells/len(t.Layers) {
			return nil, fmt.Errorf("more than %d tokens in %d layers: record a shorter trace", mostCells/len(t.Layers), len(t.Layers))
		}
		batch := make([][][]uint16, widest)
		for i := range batch {
			batch[i] = make([][]uint16, len(t.Layers))
		}
		for i := first; i < end; i++ {
			v := &t.Visits[i]
			for k := range v.Tokens {
				batch[widest-v.Tokens+k][v.Layer] = narrow(v.Chosen[k*t.TopK : (k+1)*t.TopK])
			}
		}
		tokens = append(tokens, batch...)
		first = end
	}
	if len(tokens) == 0 {
		return nil, errNoTokens
	}
	return tokens, nil
}

// narrow is experts in the solver's numbers; a trace has none beyond them.
func narrow(experts []int32) []uint16 {
	out := make([]uint16, len(experts))
	for i, e := range experts {
		out[i] = uint16(e)
	}
	return out
}
