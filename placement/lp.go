package placement

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ErrNotLinear says that a program cannot be written as a linear one.
var ErrNotLinear = errors.New("a token that moves makes the program one that is not linear")

// WriteLP writes the program for the least time per token in the CPLEX-LP form
// that other solvers read: x<expert>_<device> are binary, experts numbered through
// the layers, t<visit> is the time of a layer's experts for the tokens that chose
// the same, in microseconds, and the objective is the sum over tokens. With
// replicas y<visit>_<k>_<device> says which copy serves the k-th expert of a
// visit; z<visit>_<host> is a message. A limit above 0, in nanoseconds for all
// tokens, is a constraint on the objective.
func WriteLP(w io.Writer, p *Problem, limit int64) error {
	if err := p.Check(); err != nil {
		return err
	}
	if p.Moving {
		return ErrNotLinear
	}
	l := &lp{Writer: bufio.NewWriter(w), p: p, m: newMeter(p), weight: map[string]float64{}}
	l.gather()
	l.objective(limit)
	l.assignments()
	for v := range l.visits {
		l.visit(v)
	}
	l.binaries()
	return l.Flush()
}

// lp writes a program. Errors stay in the Writer until Flush.
type lp struct {
	*bufio.Writer
	p      *Problem
	m      *meter
	visits []lpVisit
	names  []string           // of the row, in order
	weight map[string]float64 // of each
}

// lpVisit is a choice of experts and how many tokens made it.
type lpVisit struct {
	experts []int32
	tokens  int64
}

// gather finds the different visits.
func (l *lp) gather() {
	u, known := &l.p.Usage, map[string]int{}
	for t := range u.tokens {
		for layer := range u.layers {
			var experts []int32
			for _, c := range u.at(t, layer) {
				if c >= 0 {
					experts = append(experts, int32(l.m.base[layer])+c)
				}
			}
			if len(experts) == 0 {
				continue
			}
			slices.Sort(experts)
			key := fmt.Sprint(experts)
			at, ok := known[key]
			if !ok {
				at = len(l.visits)
				known[key] = at
				l.visits = append(l.visits, lpVisit{experts: experts})
			}
			l.visits[at].tokens++
		}
	}
}

func (l *lp) objective(limit int64) {
	times := func() {
		for v := range l.visits {
			l.term(float64(l.visits[v].tokens), fmt.Sprint("t", v))
		}
	}
	l.WriteString("Minimize\n time:")
	times()
	l.sum()
	l.WriteString("\nSubject To\n")
	if limit > 0 {
		l.row("limit")
		times()
		l.end("<=", float64(limit)/1e3)
	}
}

// assignments says that each expert is somewhere and each device holds what it
// can.
func (l *lp) assignments() {
	copies := l.p.copies()
	for e := range l.m.size {
		l.row(fmt.Sprint("least", e))
		l.each(int32(e))
		if copies == 1 {
			l.end("=", 1)
			continue
		}
		l.end(">=", 1)
		l.row(fmt.Sprint("most", e))
		l.each(int32(e))
		l.end("<=", float64(copies))
	}
	for d, device := range l.p.Devices {
		l.row(fmt.Sprint("room", d))
		for e, bytes := range l.m.size {
			if bytes > 0 {
				l.term(float64(bytes), x(int32(e), d))
			}
		}
		l.end("<=", float64(device.Capacity))
		for layer := 0; device.PerLayer > 0 && layer < len(l.p.Layers); layer++ {
			l.row(fmt.Sprintf("part%d_%d", d, layer))
			for e := l.m.base[layer]; e < l.m.base[layer+1]; e++ {
				l.term(1, x(int32(e), d))
			}
			l.end("<=", float64(device.PerLayer))
		}
	}
}

func (l *lp) each(e int32) {
	for d := range l.p.Devices {
		l.term(1, x(e, d))
	}
}

// visit bounds the time of a visit by each device's.
func (l *lp) visit(v int) {
	experts, net := l.visits[v].experts, l.m.net
	for k, e := range experts {
		if l.p.copies() == 1 {
			break
		}
		l.row(fmt.Sprintf("serve%d_%d", v, k))
		for d := range l.p.Devices {
			l.term(1, l.use(v, k, d))
		}
		l.end("=", 1)
		for d := range l.p.Devices {
			l.row(fmt.Sprintf("held%d_%d_%d", v, k, d))
			l.term(1, x(e, d))
			l.term(-1, l.use(v, k, d))
			l.end(">=", 0)
		}
	}
	for d := range l.p.Devices {
		h := net.host[d]
		l.row(fmt.Sprintf("time%d_%d", v, d))
		l.term(1, fmt.Sprint("t", v))
		for k, e := range experts {
			l.term(-float64(l.m.serve[e][d])/1e3, l.use(v, k, d))
		}
		if h != net.home {
			message := net.request(net.home, h) + net.answer(h, net.home, 0)
			l.term(-float64(message)/1e3, fmt.Sprintf("z%d_%d", v, h))
			for k := range experts {
				for other := range l.p.Devices {
					if net.host[other] == h {
						l.term(-float64(net.answer(h, net.home, 1)-net.answer(h, net.home, 0))/1e3, l.use(v, k, other))
					}
				}
			}
		}
		l.end(">=", 0)
		for k := range experts {
			if h != net.home {
				l.row(fmt.Sprintf("asked%d_%d_%d", v, k, d))
				l.term(1, fmt.Sprintf("z%d_%d", v, h))
				l.term(-1, l.use(v, k, d))
				l.end(">=", 0)
			}
		}
	}
}

// use is whether device d serves the k-th expert of a visit: where there are no
// replicas it does so if it holds it.
func (l *lp) use(v, k, d int) string {
	if l.p.copies() == 1 {
		return x(l.visits[v].experts[k], d)
	}
	return fmt.Sprintf("y%d_%d_%d", v, k, d)
}

func (l *lp) binaries() {
	l.WriteString("Binary\n")
	for e := range l.m.size {
		for d := range l.p.Devices {
			fmt.Fprintf(l, " %s\n", x(int32(e), d))
		}
	}
	for v := range l.visits {
		for h := range l.m.net.hosts {
			if int32(h) != l.m.net.home {
				fmt.Fprintf(l, " z%d_%d\n", v, h)
			}
		}
		for k := range l.visits[v].experts {
			for d := 0; l.p.copies() > 1 && d < len(l.p.Devices); d++ {
				fmt.Fprintf(l, " %s\n", l.use(v, k, d))
			}
		}
	}
	l.WriteString("End\n")
}

func x(e int32, d int) string { return "x" + strconv.Itoa(int(e)) + "_" + strconv.Itoa(d) }

func (l *lp) row(name string) {
	fmt.Fprintf(l, " %s:", name)
}

// term adds to the row; a variable may come again.
func (l *lp) term(weight float64, name string) {
	if _, known := l.weight[name]; !known {
		l.names = append(l.names, name)
	}
	l.weight[name] += weight
}

// lineTerms keeps lines shorter than some readers can take.
const lineTerms = 8

// sum writes the terms.
func (l *lp) sum() {
	for i, name := range l.names {
		if i > 0 && i%lineTerms == 0 {
			l.WriteString("\n ")
		}
		sign, weight := " + ", l.weight[name]
		if weight < 0 {
			sign, weight = " - ", -weight
		}
		l.WriteString(sign + strconv.FormatFloat(weight, 'g', 15, 64) + " " + name)
	}
	l.names = l.names[:0]
	clear(l.weight)
}

func (l *lp) end(relation string, value float64) {
	l.sum()
	l.WriteString(" " + relation + " " + strconv.FormatFloat(value, 'g', 15, 64) + "\n")
}

// largestSolution bounds what is read of another solver's answer.
const largestSolution = 1 << 30

// ReadSolution finds in another solver's answer to WriteLP's program which x are
// 1. It takes what cbc, glpsol and highs write: lines with a name and, maybe after
// a star, its value. An answer without a device for each expert is an error.
func ReadSolution(r io.Reader, p *Problem) (Assignment, error) {
	m := newMeter(p)
	copies := make([][]int32, len(m.size))
	lines := bufio.NewScanner(io.LimitReader(r, largestSolution))
	for lines.Scan() {
		e, d, value, ok := parseValue(strings.Fields(lines.Text()))
		if !ok || value < 0.5 {
			continue
		}
		if e >= len(m.size) || d >= len(p.Devices) {
			return nil, fmt.Errorf("the answer has expert %d on device %d, of %d and %d", e, d, len(m.size), len(p.Devices))
		}
		if !slices.Contains(copies[e], int32(d)) {
			copies[e] = append(copies[e], int32(d))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	for e := range copies {
		slices.Sort(copies[e])
	}
	a := unflatten(p, copies)
	return a, a.Check(p)
}

func parseValue(fields []string) (e, d int, value float64, ok bool) {
	for i, f := range fields {
		first, second, cut := strings.Cut(strings.TrimPrefix(f, "x"), "_")
		if !cut || !strings.HasPrefix(f, "x") {
			continue
		}
		expert, err := strconv.ParseUint(first, 10, 31)
		device, err2 := strconv.ParseUint(second, 10, 31)
		if err != nil || err2 != nil {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(fields[i+1:]), func(s string) bool { return s == "*" })
		if len(rest) == 0 {
			return 0, 0, 0, false
		}
		value, err := strconv.ParseFloat(rest[0], 64)
		return int(expert), int(device), value, err == nil
	}
	return 0, 0, 0, false
}
