package offload

import (
	"fmt"

	"moed/flashio"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
)

// class is the slots for experts of one size: layers quantised alike share a
// class, so that no slot is larger than what it holds.
type class struct {
	arena   *flashio.Arena
	slot    int64 // bytes of a slot
	experts int64 // how many experts the file has of this size

	// Per slot. The arrays are apart from each other so that the search for a
	// victim walks over little memory.
	number  []int32 // the expert in it, or none
	pins    []int32 // why it must stay: loans, waits, guesses, a read under way; gone slots have one too
	state   []state
	failure []error // of a slot that failed, until the last pin is gone
	reading []*read
	guessed []bool // read ahead, and not wanted since

	free []int32 // slots that hold nothing
	live int     // slots that are not gone
	want int     // how many should be live: below live while pinned slots stand in the way
}

type state uint8

const (
	gone    state = iota // beyond the budget: its memory is given back
	free                 // holds nothing
	reading              // belongs to the Reader
	held                 // has its expert
	failed               // its read failed and somebody still waits for it
)

// shape is where the matrices of a layer's expert lie in a slot, as far as that
// does not depend on the expert.
type shape struct {
	stacks [3]expert.Stack   // gate, up, down
	at     [3]int64          // the room for each in a slot
	views  [3]kernels.Matrix // without data
}

func newShape(l *expert.Layer) (shape, int64, error) {
	h := shape{stacks: [3]expert.Stack{l.Gate, l.Up, l.Down}}
	end := int64(0)
	for i := range h.stacks {
		m := &h.stacks[i]
		stride, err := m.Type.RowBytes(m.Cols)
		if err != nil {
			return h, 0, err
		}
		if int64(stride)*int64(m.Rows) != m.Size {
			return h, 0, fmt.Errorf("matrix of %d rows of %d bytes in %d bytes", m.Rows, stride, m.Size)
		}
		h.views[i] = kernels.Matrix{Type: m.Type, Rows: m.Rows, Cols: m.Cols, Stride: stride}
		h.at[i] = end
		end += room(m.Size)
	}
	return h, end, nil
}

// kind is what tells classes apart.
type kind struct {
	types [3]ggml.Type
	slot  int64
}

// kindOf is that of a layer with experts.
func kindOf(l *expert.Layer) (kind, shape, error) {
	h, slot, err := newShape(l)
	return kind{[3]ggml.Type{l.Gate.Type, l.Up.Type, l.Down.Type}, slot}, h, err
}

// makeClasses sorts layers by what an expert of theirs is, and reserves
// addresses for all their experts: only touched pages cost memory.
func (s *Store) makeClasses(t *expert.Table) error {
	classes, of, err := Classes(t)
	if err != nil {
		return err
	}
	for _, c := range classes {
		s.classes = append(s.classes, &class{slot: c.Slot, experts: int64(c.Experts)})
	}
	for i, at := range of {
		if l := &s.layers[i]; at != none {
			l.class = s.classes[at]
			_, l.shape, _ = kindOf(&l.Layer) // Classes has seen that it has one
		}
	}
	for _, c := range s.classes {
		if err := c.reserve(); err != nil {
			return err
		}
	}
	return nil
}

// reserve takes the addresses. Where that is permitted the memory is kept out
// of swap: reading an expert back from there would cost what reading it from
// its file does, and writing it out before that as well.
func (c *class) reserve() (err error) {
	if c.arena, err = flashio.NewArena(c.slot*c.experts, flashio.ArenaOptions{Lock: true}); err != nil {
		return err
	}
	n := int(c.experts)
	c.number, c.pins, c.state = make([]int32, n), make([]int32, n), make([]state, n)
	c.failure, c.reading, c.guessed = make([]error, n), make([]*read, n), make([]bool, n)
	for i := range n {
		c.number[i], c.pins[i] = none, 1
	}
	return nil
}

// weights are the views of the expert in slot i of layer l.
func (l *layer) weights(i int32, e int) expert.Weights {
	var m [3]kernels.Matrix
	for k := range m {
		m[k] = l.shape.views[k]
		m[k].Data = l.matrix(i, e, k)
	}
	return expert.Weights{Gate: m[0], Up: m[1], Down: m[2]}
}

// matrix is the memory in slot i of matrix k of expert e. What is read as it
// stands in the file keeps its distance from an aligned offset.
func (l *layer) matrix(i int32, e, k int) []byte {
	h := &l.shape
	at := int64(i)*l.class.slot + h.at[k]
	if l.Bundles.Group == 0 {
		_, _, skip := flashio.Window(h.stacks[k].Offset+int64(e)*h.stacks[k].Size, h.stacks[k].Size)
		at += int64(skip)
	}
	return l.class.arena.Bytes(at, h.stacks[k].Size)
}
