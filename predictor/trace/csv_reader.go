package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// csvReader reads the CSV form, ours and the published one.
type csvReader struct {
	from  *bufio.Reader
	line  int
	trace Trace
	check *checker // nil before the rows

	experts int   // of every layer that says nothing else
	stated  []int // [layer] what it says of its experts, or -1
	columns []string
	id      int // places in columns, -1 where there is none
	batch   int

	visit Visit // being read
	last  row
	open  bool // the last token lacks choices
}

// row is one line: one expert that one token chose.
type row struct {
	turn, phase, step, layer, slot, expert int32

	weight    float32
	id, batch int64 // -1 where not said
}

// csvNames are the columns that must be there, in this order.
const csvNames = "turn,phase,step,layer,slot,expert,weight"

func newCSVReader(r *bufio.Reader) *csvReader { return &csvReader{from: r, experts: -1} }

func (r *csvReader) read() (*Trace, error) {
	whole := true
	for whole {
		text, err := r.from.ReadSlice('\n')
		if len(text) == 0 && errors.Is(err, io.EOF) {
			break
		}
		r.line++
		switch {
		case err == nil:
			err = r.readLine(strings.TrimRight(string(text), "\r\n"))
		case errors.Is(err, io.EOF): // a line that may lack digits
			whole, err = false, nil
		case errors.Is(err, bufio.ErrBufferFull):
			err = fmt.Errorf("found more than %d bytes in it", r.from.Size())
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	if r.check == nil {
		return nil, fmt.Errorf("found no line that begins with %s", csvNames)
	}
	return r.end(whole)
}

func (r *csvReader) readLine(text string) error {
	switch {
	case text == "":
		return nil
	case strings.HasPrefix(text, "#"):
		if r.check != nil {
			return nil
		}
		return r.preamble(strings.TrimSpace(text[1:]))
	case r.check == nil:
		return r.begin(text)
	}
	x, err := r.parse(text)
	if err != nil {
		return err
	}
	return r.row(x)
}

// preamble reads a line of key=value pairs. A model's name may have spaces.
func (r *csvReader) preamble(text string) error {
	t := &r.trace
	if rest, ok := strings.CutPrefix(text, "model="); ok {
		if at := strings.LastIndex(rest, " arch="); at >= 0 {
			t.Model, text = rest[:at], rest[at+1:]
		}
	}
	at := -1 // the layer that the line is about
	for _, pair := range strings.Fields(text) {
		key, value, ok := strings.Cut(pair, "=")
		switch key {
		case "arch":
			t.Arch = value
			continue
		case "n_layer", "n_expert", "n_expert_used", "layer", "expert_bytes", "dense_bytes":
		default:
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || !ok || n < 0 || n > maxBytes {
			return fmt.Errorf("found %q, want a number", pair)
		}
		if key == "layer" {
			at = int(n)
		}
		if err := r.set(key, n, at); err != nil {
			return err
		}
	}
	return nil
}

// set takes one number of the preamble, said of a layer or of all.
func (r *csvReader) set(key string, n int64, layer int) error {
	t := &r.trace
	if layer >= 0 {
		if layer >= len(t.Layers) {
			return fmt.Errorf("found layer %d of %d", layer, len(t.Layers))
		}
		switch key {
		case "expert_bytes":
			t.Layers[layer].Bytes = n
		case "dense_bytes":
			t.Layers[layer].Dense = n
		case "n_expert":
			r.stated[layer] = int(n)
		}
		return nil
	}
	switch key {
	case "n_layer":
		if n > maxLayers || t.Layers != nil {
			return fmt.Errorf("found %d layers behind %d, want 1 to %d", n, len(t.Layers), maxLayers)
		}
		t.Layers, r.stated = make([]Layer, n), slices.Repeat([]int{-1}, int(n))
	case "n_expert":
		r.experts = int(n)
	case "n_expert_used":
		t.TopK = int(min(n, maxTopK+1))
	}
	return nil
}

// begin reads the names of the columns, with which the preamble ends.
func (r *csvReader) begin(text string) error {
	if text != csvNames && !strings.HasPrefix(text, csvNames+",") {
		return fmt.Errorf("found %.40q, want columns that begin with %s", text, csvNames)
	}
	r.columns = strings.Split(text, ",")
	r.id, r.batch = slices.Index(r.columns, "id"), slices.Index(r.columns, "batch")
	for i := range r.trace.Layers {
		r.trace.Layers[i].Experts = r.experts
		if r.stated[i] >= 0 {
			r.trace.Layers[i].Experts = r.stated[i]
		}
	}
	if err := r.trace.check(); err != nil {
		return err
	}
	r.check = newChecker(&r.trace)
	return nil
}

func (r *csvReader) parse(text string) (x row, err error) {
	fields := strings.Split(text, ",")
	if len(fields) != len(r.columns) {
		return x, fmt.Errorf("found %d columns, want %d", len(fields), len(r.columns))
	}
	for i, to := range []*int32{&x.turn, &x.phase, &x.step, &x.layer, &x.slot, &x.expert} {
		n, err := strconv.ParseUint(fields[i], 10, 31)
		if err != nil {
			return x, fmt.Errorf("%s: found %q, want a number from 0 to %d", r.columns[i], fields[i], maxNumber)
		}
		*to = int32(n)
	}
	w, err := strconv.ParseFloat(fields[6], 32)
	if err != nil {
		return x, fmt.Errorf("weight: found %q, want a number", fields[6])
	}
	x.weight, x.id, x.batch = float32(w), -1, -1
	for _, c := range []struct {
		at int
		to *int64
	}{{r.id, &x.id}, {r.batch, &x.batch}} {
		if c.at < 0 || fields[c.at] == "" {
			continue
		}
		n, err := strconv.ParseUint(fields[c.at], 10, 31)
		if err != nil {
			return x, fmt.Errorf("%s: found %q, want a number from 0 to %d", r.columns[c.at], fields[c.at], maxNumber)
		}
		*c.to = int64(n)
	}
	return x, nil
}

// row appends one choice to the token at hand, or begins the next one.
func (r *csvReader) row(x row) error {
	v, last := &r.visit, r.last
	switch {
	case r.open && (x.slot != last.slot+1 || !x.sameToken(last)):
		return fmt.Errorf("found slot %d of layer %d at step %d, want slot %d of layer %d at step %d", x.slot, x.layer, x.step, last.slot+1, last.layer, last.step)
	case !r.open && x.slot != 0:
		return fmt.Errorf("found slot %d, want 0: the token before has all its experts", x.slot)
	case x.phase > 1:
		return fmt.Errorf("phase: found %d, want 0 or 1", x.phase)
	}
	if !r.open {
		if v.Tokens > 0 && !x.sameVisit(last) {
			if err := r.finish(); err != nil {
				return err
			}
		}
		v.Turn, v.Decode, v.Layer = int(x.turn), x.phase == 1, int(x.layer)
		v.Tokens++
		v.Pos, v.IDs = append(v.Pos, x.step), append(v.IDs, int32(x.id))
	}
	v.Chosen, v.Weights = append(v.Chosen, x.expert), append(v.Weights, x.weight)
	r.last, r.open = x, int(x.slot)+1 < r.trace.TopK
	return nil
}

func (x row) sameToken(y row) bool {
	return x.turn == y.turn && x.phase == y.phase && x.step == y.step && x.layer == y.layer && x.id == y.id && x.batch == y.batch
}

// sameVisit reports whether a token belongs to the visit of the one before it.
// Where no batch is said, prompts are one batch per layer and everything else
// one per token.
func (x row) sameVisit(before row) bool {
	if x.turn != before.turn || x.phase != before.phase || x.layer != before.layer || x.batch != before.batch {
		return false
	}
	return x.batch >= 0 || x.phase == 0 && x.step > before.step
}

// finish ends the visit at hand.
func (r *csvReader) finish() error {
	v := r.visit
	r.visit = Visit{}
	if !slices.ContainsFunc(v.IDs, func(id int32) bool { return id >= 0 }) {
		v.IDs = nil
	}
	if !slices.ContainsFunc(v.Weights, func(w float32) bool { return !math.IsNaN(float64(w)) }) {
		v.Weights = nil
	}
	if err := r.check.visit(&v); err != nil {
		return err
	}
	visits := r.trace.Visits
	if n := len(visits); n > 0 && slices.Equal(visits[n-1].Pos, v.Pos) && slices.Equal(visits[n-1].IDs, v.IDs) && (visits[n-1].IDs == nil) == (v.IDs == nil) {
		v.Pos, v.IDs = visits[n-1].Pos, visits[n-1].IDs
	}
	r.trace.Visits = append(visits, v)
	return nil
}

// end drops a token that is not whole, and learns which layers have no experts.
func (r *csvReader) end(whole bool) (*Trace, error) {
	t, v := &r.trace, &r.visit
	if r.open {
		v.Tokens--
		k := v.Tokens * t.TopK
		v.Pos, v.IDs, v.Chosen, v.Weights = v.Pos[:v.Tokens], v.IDs[:v.Tokens], v.Chosen[:k], v.Weights[:k]
	}
	if v.Tokens > 0 {
		if err := r.finish(); err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	if !whole || r.open {
		t.Note = fmt.Sprintf("the file was cut off in line %d; what comes before, %d visits, is read", r.line, len(t.Visits))
	}
	visited := make([]bool, len(t.Layers))
	for i := range t.Visits {
		visited[t.Visits[i].Layer] = true
	}
	for i := range t.Layers {
		if l := &t.Layers[i]; l.Bytes == 0 && !visited[i] && r.stated[i] < 0 {
			l.Experts = 0
		}
	}
	return t, t.check()
}
