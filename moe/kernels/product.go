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
}

const (
	// tileRows is how many rows are taken through all vectors before the next
	// rows: few enough to stay in the first-level cache.
	tileRows = 16
	// chunkBytes is about how much of a matrix one claim covers, where there is
	// one vector: ten microseconds of work against a claim of 50 ns.
	chunkBytes = 96 << 10
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
	rows = min((rows+tileRows-1)/tileRows*tileRows, p.W.Rows)
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
	for row := from; row < to; row += tileRows {
		n := min(tileRows, to-row)
		w := unsafe.Pointer(&p.W.Data[row*p.W.Stride])
		for i := 0; i < p.N; i += 4 {
			if p.N-i == 1 {
				k.one(unsafe.Pointer(&p.Out[i*p.Stride+row]), w, p.W.Stride, n, p.W.Cols, p.X.pointer(form, p.vector(i)))
				break
			}
			for j := range 4 {
				if i+j < p.N {
					s.dst[j] = unsafe.Pointer(&p.Out[(i+j)*p.Stride+row])
					s.x[j] = p.X.pointer(form, p.vector(i+j))
				} else {
					s.dst[j], s.x[j] = unsafe.Pointer(&s.sink), s.x[0]
				}
			}
			k.four(&s.dst, w, p.W.Stride, n, p.W.Cols, &s.x)
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
