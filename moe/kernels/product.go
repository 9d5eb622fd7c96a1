package kernels

import (
	"sort"
	"unsafe"
)

// Product is one matrix times N vectors of a batch. The i-th of them is
// X's vector Index[i] or, where Index is nil, First + i·Step. Its results, one
// per row of W, go to Out[i·Stride:]. X holds the form that W's type wants.
type Product struct {
	W           Matrix
	X           *Vectors
	Index       []int32
	First, Step int
	N           int
	Out         []float32
	Stride      int
}

// scratch is what a worker hands to the kernels; it lives as long as the pool
// because kernels are called through values, where a local would escape.
type scratch struct {
	dst  [4]unsafe.Pointer
	x    [4]unsafe.Pointer
	sink [tileRows]float32 // where results nobody asked for go
	// panels is memory for maxPanels bytes of panels.
	panels []float32
}

const (
	// tileRows is how many rows are taken through all vectors before the next
	// rows: few enough to stay in the first-level cache.
	tileRows = 16
	// chunkBytes is about how much of a matrix one claim covers, where there is
	// one vector: ten microseconds of work against a claim of 50 ns.
	chunkBytes = 96 << 10
	// maxPanels bytes are eight panels of 2048 columns of Q8_0, or one of
	// 16384; wider rows go without panels.
	maxPanels = 16384 / 32 * 9 * 32
	// minPanel is the number of vectors from which on panels pay.
	minPanel = 16
	// panelVectors is how many vectors go through all panels at a time.
	panelVectors = 32
	// panelTile is the rows in a chunk where there are panels.
	panelTile = 64
)

// Products is a list of products done in one parallel region. Its memory is
// kept from use to use.
type Products struct {
	pool *Pool
	list []Product
	rows []int // rows per chunk of each product
	ends []int // chunks of the products up to and with each
}

// NewProducts makes an empty list that pool will do.
func NewProducts(pool *Pool) *Products { return &Products{pool: pool} }

// Add puts one more product on the list; one of no vectors is left out.
func (ps *Products) Add(p Product) {
	if p.N == 0 {
		return
	}
	rows := max(chunkBytes/max(p.W.Stride, 1)/p.N, 1)
	tile := tileRows
	if p.N >= minPanel && kernelFor(p.W.Type, p.W.Cols).panel != nil {
		tile = panelTile
	}
	rows = min((rows+tile-1)/tile*tile, p.W.Rows)
	chunks := (p.W.Rows + rows - 1) / rows
	if n := len(ps.ends); n > 0 {
		chunks += ps.ends[n-1]
	}
	ps.list, ps.rows, ps.ends = append(ps.list, p), append(ps.rows, rows), append(ps.ends, chunks)
}

// Run does all products and empties the list.
func (ps *Products) Run() {
	if n := len(ps.ends); n > 0 {
		ps.pool.Run(ps.ends[n-1], ps)
	}
	clear(ps.list) // drop the references
	ps.list, ps.rows, ps.ends = ps.list[:0], ps.rows[:0], ps.ends[:0]
}

// Do implements Task.
func (ps *Products) Do(worker, chunk int) {
	i := sort.SearchInts(ps.ends, chunk+1)
	if i > 0 {
		chunk -= ps.ends[i-1]
	}
	p := &ps.list[i]
	row := chunk * ps.rows[i]
	p.do(&ps.pool.scratch[worker], row, min(row+ps.rows[i], p.W.Rows))
}

// Multiply does p on the calling worker alone, within a task of the pool.
func (p *Pool) Multiply(worker int, m Product) { m.do(&p.scratch[worker], 0, m.W.Rows) }

// do computes rows [from, to) for all vectors.
func (p *Product) do(s *scratch, from, to int) {
	form, _ := FormOf(p.W.Type)
	k := kernelFor(p.W.Type, p.W.Cols)
	if p.N == 1 {
		k.one(unsafe.Pointer(&p.Out[from]), unsafe.Pointer(&p.W.Data[from*p.W.Stride]), p.W.Stride, to-from, p.W.Cols, p.X.pointer(form, p.vector(0)))
		return
	}
	row := from
	if k.panel != nil && p.N >= minPanel {
		row = p.doPanels(s, &k, form, from, to)
	}
	for ; row < to; row += tileRows {
		n := min(tileRows, to-row)
		w := unsafe.Pointer(&p.W.Data[row*p.W.Stride])
		for i := 0; i < p.N; i += 4 {
			if p.N-i == 1 {
				k.one(unsafe.Pointer(&p.Out[i*p.Stride+row]), w, p.W.Stride, n, p.W.Cols, p.X.pointer(form, p.vector(i)))
				break
			}
			p.aim(s, form, row, i)
			if p.N-i == 2 && k.two != nil {
				k.two(&s.dst, w, p.W.Stride, n, p.W.Cols, &s.x)
				break
			}
			k.four(&s.dst, w, p.W.Stride, n, p.W.Cols, &s.x)
		}
	}
}

// doPanels computes the rows from from on that fill panels and returns the
// first that is left. It makes as many panels as the scratch memory holds and
// takes a block of vectors through all of them before the next, so that both
// stay in the second-level cache.
func (p *Product) doPanels(s *scratch, k *kernel, form Form, from, to int) int {
	size := k.panel.bytes(p.W.Cols)
	most := maxPanels / size
	if p.N <= panelVectors {
		most = min(most, 1) // stays in the first-level cache
	}
	for row := from; ; {
		n := min(most, (to-row)/panelRows)
		if n == 0 {
			return row
		}
		for i := range n {
			k.panel.pack(unsafe.Pointer(&s.panels[i*size/4]), unsafe.Pointer(&p.W.Data[(row+i*panelRows)*p.W.Stride]), p.W.Stride, p.W.Cols)
		}
		for first := 0; first < p.N; first += panelVectors {
			for i := range n {
				for v := first; v < min(first+panelVectors, p.N); v += 4 {
					p.aim(s, form, row+i*panelRows, v)
					k.panel.dot(&s.dst, unsafe.Pointer(&s.panels[i*size/4]), p.W.Cols, &s.x)
				}
			}
		}
		row += n * panelRows
	}
}

// aim points s at four vectors from the i-th on and at their results from row
// on. Where there are fewer the first stands in, for results that go nowhere.
func (p *Product) aim(s *scratch, form Form, row, i int) {
	for j := range 4 {
		if i+j < p.N {
			s.dst[j] = unsafe.Pointer(&p.Out[(i+j)*p.Stride+row])
			s.x[j] = p.X.pointer(form, p.vector(i+j))
		} else {
			s.dst[j], s.x[j] = unsafe.Pointer(&s.sink), s.x[0]
		}
	}
}

// vector is the place in X of the i-th vector.
func (p *Product) vector(i int) int {
	if p.Index != nil {
		return int(p.Index[i])
	}
	return p.First + i*max(p.Step, 1)
}
