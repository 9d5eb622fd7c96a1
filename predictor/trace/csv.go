package trace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	csvTitle = "# route_trace v1"
	// The first nine are those of the published form. What the recording engine's
	// cache held and read is not ours to say: 0 and 0. id is empty where unknown,
	// batch numbers the visits.
	csvColumns = "turn,phase,step,layer,slot,expert,weight,residency,expert_bytes,id,batch"
)

// csvWriter makes the lines of the CSV form.
type csvWriter struct {
	shape *Trace
	lines []byte
	batch int64
}

// header is all that comes before the first row.
func (c *csvWriter) header() []byte {
	t, most := c.shape, c.shape.Experts()
	b := fmt.Appendf(nil, "%s\n# model=%s arch=%s n_layer=%d n_expert=%d n_expert_used=%d\n",
		csvTitle, printable(t.Model, true), printable(t.Arch, false), len(t.Layers), most, t.TopK)
	for i, l := range t.Layers {
		b = fmt.Appendf(b, "# layer=%d expert_bytes=%d dense_bytes=%d", i, l.Bytes, l.Dense)
		// What the bytes tell is left as the published form has it.
		if (l.Bytes > 0) != (l.Experts > 0) || l.Experts != most && l.Experts != 0 {
			b = fmt.Appendf(b, " n_expert=%d", l.Experts)
		}
		b = append(b, '\n')
	}
	return append(b, csvColumns+"\n"...)
}

// printable is s without what would end its line or its value.
func printable(s string, spaces bool) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) && (r != ' ' || spaces) {
			return r
		}
		return '_'
	}, s)
}

// visit is the rows of v, valid until the next call.
func (c *csvWriter) visit(v *Visit) []byte {
	b, phase := c.lines[:0], int64(0)
	if v.Decode {
		phase = 1
	}
	number := func(n int64) {
		b = append(strconv.AppendInt(b, n, 10), ',')
	}
	for i, e := range v.Chosen {
		token, slot := i/c.shape.TopK, i%c.shape.TopK
		for _, n := range [...]int64{int64(v.Turn), phase, int64(v.Pos[token]), int64(v.Layer), int64(slot), int64(e)} {
			number(n)
		}
		weight := math.NaN()
		if v.Weights != nil {
			weight = float64(v.Weights[i])
		}
		b = append(strconv.AppendFloat(b, weight, 'g', -1, 32), ",0,0,"...)
		if v.IDs != nil {
			b = strconv.AppendInt(b, int64(v.IDs[token]), 10)
		}
		b = append(b, ',')
		b = append(strconv.AppendInt(b, c.batch, 10), '\n')
	}
	c.batch++
	c.lines = b
	return b
}
