package placement

import "slices"

// degreeBound is how much of the weight between two layers can be on one device
// at most, from this alone: an expert of one layer is with at most x of the
// other, one of the other with at most y of the first. The largest such choice
// of pairs is a transportation problem; its dual is lowered coordinate by
// coordinate, and every value of that is a bound.
func degreeBound(w *matrix, x, y int) float64 {
	a, b := make([]float64, w.rows), make([]float64, w.cols)
	t := w.transposed()
	for range 30 {
		lower(a, b, w, x)
		lower(b, a, t, y)
	}
	sum := 0.0
	for i := range a {
		sum += a[i] * float64(x)
		for j, v := range w.row(i) {
			sum += max(0, v-a[i]-b[j])
		}
	}
	for _, v := range b {
		sum += v * float64(y)
	}
	return sum
}

// lower sets the prices of rows to the best, given those of columns: so that as
// many cells are worth more as a row may have.
func lower(a, b []float64, w *matrix, most int) {
	left := make([]float64, w.cols)
	for i := range a {
		for j, v := range w.row(i) {
			left[j] = v - b[j]
		}
		slices.Sort(left)
		a[i] = 0
		if most < len(left) {
			a[i] = max(0, left[len(left)-1-most])
		}
	}
}
