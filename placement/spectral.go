package placement

import (
	"math"
	"slices"
)

// matrix is dense, by rows.
type matrix struct {
	rows, cols int
	cell       []float64
}

func newMatrix(rows, cols int) *matrix { return &matrix{rows, cols, make([]float64, rows*cols)} }

func (m *matrix) row(i int) []float64 { return m.cell[i*m.cols : (i+1)*m.cols] }

func (m *matrix) transposed() *matrix {
	t := newMatrix(m.cols, m.rows)
	for i := range m.rows {
		for j, v := range m.row(i) {
			t.cell[j*m.rows+i] = v
		}
	}
	return t
}

// centered takes from each cell its row's and its column's mean and adds the mean
// of all, in place, so that rows and columns sum to nothing. It gives the means.
func (m *matrix) centered() (rows, cols []float64, all float64) {
	rows, cols = make([]float64, m.rows), make([]float64, m.cols)
	for i := range rows {
		for j, v := range m.row(i) {
			rows[i] += v / float64(m.cols)
			cols[j] += v / float64(m.rows)
			all += v / float64(len(m.cell))
		}
	}
	for i := range rows {
		r := m.row(i)
		for j := range r {
			r[j] += all - rows[i] - cols[j]
		}
	}
	return rows, cols, all
}

// singular is the singular values, the largest first, by rotating pairs of rows
// until all are at right angles (one-sided Jacobi). The matrix is used up.
func (m *matrix) singular() []float64 {
	if m.rows > m.cols {
		m = m.transposed()
	}
	const sweeps = 60
	for range sweeps {
		off := 0.0
		for i := range m.rows {
			for j := i + 1; j < m.rows; j++ {
				off = max(off, rotate(m.row(i), m.row(j)))
			}
		}
		if off < 1e-12 {
			break
		}
	}
	out := make([]float64, m.rows)
	for i := range out {
		sum := 0.0
		for _, v := range m.row(i) {
			sum += v * v
		}
		out[i] = math.Sqrt(sum)
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// rotate turns two rows to a right angle and tells how far from one they were,
// as the square of the angle's cosine.
func rotate(a, b []float64) float64 {
	aa, bb, ab := 0.0, 0.0, 0.0
	for k, x := range a {
		aa += x * x
		bb += b[k] * b[k]
		ab += x * b[k]
	}
	if ab == 0 || ab*ab <= 1e-30*aa*bb {
		return 0
	}
	z := (bb - aa) / (2 * ab)
	t := 1 / (math.Abs(z) + math.Sqrt(1+z*z))
	if z < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(1+t*t)
	s := c * t
	for k, x := range a {
		a[k], b[k] = c*x-s*b[k], s*x+c*b[k]
	}
	return ab * ab / (aa * bb)
}

// spectralBound is how much of the weight between two layers can be on one
// device at most. x and y are how many experts of the layers each device takes;
// exact says that it takes no fewer.
//
// With X the experts' devices as columns of zeros and ones, what is local is the
// trace of XᵀWY. Without exact, columns are at right angles and as long as the
// roots of x, and the trace is at most the sum of products of the sorted lengths
// and singular values (von Neumann). With exact, the means of W contribute what
// the sorted counts say, and only what is left of X and Y, which is one dimension
// less, meets what is left of W.
func spectralBound(w *matrix, x, y []int, exact bool) float64 {
	if !exact {
		return products(w.singular(), lengths(x), lengths(y))
	}
	rows, cols, all := w.centered()
	sum := arranged(rows, y, x) + arranged(cols, x, y)
	for d := range x {
		sum -= all * float64(x[d]) * float64(y[d])
	}
	return sum + products(w.singular(), spread(x), spread(y))
}

// arranged is the most that means can weigh: each expert's mean times the count
// of the other layer on its device, of which there are places.
func arranged(means []float64, count, places []int) float64 {
	var at []float64
	for d, n := range places {
		for range n {
			at = append(at, float64(count[d]))
		}
	}
	slices.Sort(at)
	means = slices.Sorted(slices.Values(means))
	sum := 0.0
	for i, v := range means {
		sum += v * at[i]
	}
	return sum
}

func lengths(count []int) []float64 {
	out := make([]float64, len(count))
	for d, n := range count {
		out[d] = math.Sqrt(float64(n))
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// spread is the singular values of the devices' columns, centered.
func spread(count []int) []float64 {
	n := 0
	for _, c := range count {
		n += c
	}
	g := newMatrix(len(count), len(count))
	for a, x := range count {
		for b, y := range count {
			g.cell[a*len(count)+b] = -float64(x) * float64(y) / float64(n)
			if a == b {
				g.cell[a*len(count)+b] += float64(x)
			}
		}
	}
	// Symmetric and without negative eigenvalues, so that these are its
	// singular values.
	out := g.singular()
	for i := range out {
		out[i] = math.Sqrt(out[i])
	}
	return out
}

func products(a, b, c []float64) float64 {
	sum := 0.0
	for k := range min(len(a), len(b), len(c)) {
		sum += a[k] * b[k] * c[k]
	}
	return sum
}
