package moetest

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Trace is a recording of which experts a model chose.
type Trace struct {
	Model     string // file name of the model that was recorded, "" if not said
	Layers    int
	Experts   int // per layer
	TopK      int
	Positions [][][]Pick // [position][layer]: in the recorded router's order
}

// Pick is one expert chosen by a router.
type Pick struct {
	Expert int
	Weight float64
}

// maxTrace bounds what a trace may claim, far beyond any model.
const maxTrace = 1 << 16

// ReadTrace reads a route_trace v1: lines that begin with # hold key=value pairs
// (model, n_layer, n_expert and n_expert_used are used), every other line but
// the header turn,phase,step,layer,slot,expert,weight,... is one pick. Positions
// come in the order of their step. A position whose record of a layer is
// incomplete, such as the last layer's in prefill, takes that of the next.
func ReadTrace(r io.Reader) (*Trace, error) {
	t := &Trace{}
	steps := map[int]map[int][]Pick{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if err := t.readLine(lines.Text(), steps); err != nil {
			return nil, fmt.Errorf("trace: line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	for _, c := range []struct {
		key string
		n   int
	}{{"n_layer", t.Layers}, {"n_expert", t.Experts}, {"n_expert_used", t.TopK}} {
		if c.n <= 0 || c.n > maxTrace {
			return nil, fmt.Errorf("trace: found %s=%d, want 1 to %d", c.key, c.n, maxTrace)
		}
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("trace: no positions")
	}
	return t, t.arrange(steps)
}

func (t *Trace) readLine(line string, steps map[int]map[int][]Pick) error {
	if rest, ok := strings.CutPrefix(line, "#"); ok {
		return t.readPreamble(rest)
	}
	if strings.HasPrefix(line, "turn") {
		return nil
	}
	fields := strings.Split(line, ",")
	if len(fields) < 7 {
		return fmt.Errorf("found %d fields, want 7 or more", len(fields))
	}
	var n [4]int // step, layer, slot, expert
	for i := range n {
		v, err := strconv.Atoi(fields[2+i])
		if err != nil || v < 0 || v >= maxTrace {
			return fmt.Errorf("field %d: found %q, want a number from 0 to %d", 3+i, fields[2+i], maxTrace-1)
		}
		n[i] = v
	}
	w, err := strconv.ParseFloat(fields[6], 64)
	if err != nil {
		return fmt.Errorf("field 7: found %q, want a weight", fields[6])
	}
	if steps[n[0]] == nil {
		steps[n[0]] = map[int][]Pick{}
	}
	steps[n[0]][n[1]] = append(steps[n[0]][n[1]], Pick{Expert: n[3], Weight: w})
	return nil
}

func (t *Trace) readPreamble(text string) error {
	for _, pair := range strings.Fields(text) {
		key, value, _ := strings.Cut(pair, "=")
		var to *int
		switch key {
		case "model":
			t.Model = value
			continue
		case "n_layer":
			to = &t.Layers
		case "n_expert":
			to = &t.Experts
		case "n_expert_used":
			to = &t.TopK
		default:
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("found %s=%q, want a number", key, value)
		}
		*to = n
	}
	return nil
}

// arrange sets Positions from the picks by step and layer.
func (t *Trace) arrange(steps map[int]map[int][]Pick) error {
	var order []int
	for s := range steps {
		order = append(order, s)
	}
	slices.Sort(order)
	t.Positions = make([][][]Pick, len(order))
	for i := len(order) - 1; i >= 0; i-- {
		t.Positions[i] = make([][]Pick, t.Layers)
		for l := range t.Layers {
			picks := steps[order[i]][l]
			if len(picks) < t.TopK && i+1 < len(order) {
				picks = t.Positions[i+1][l]
			}
			for _, p := range picks {
				if p.Expert >= t.Experts {
					return fmt.Errorf("trace: step %d: layer %d: found expert %d of %d", order[i], l, p.Expert, t.Experts)
				}
			}
			t.Positions[i][l] = picks
		}
	}
	return nil
}
