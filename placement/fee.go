package placement

import (
	"slices"
	"time"
)

// fee is what a new plan pays for copies that the old one does not have.
type fee struct {
	old   [][]int32 // [expert]; nil: nothing is to be paid
	price []int64   // [expert] nanoseconds
}

// newFee charges perGiB for each token and each GiB that is moved.
func newFee(m *meter, from Assignment, perGiB time.Duration) *fee {
	f := &fee{}
	if from == nil || perGiB <= 0 {
		return f
	}
	f.old, f.price = flatten(from), make([]int64, len(m.size))
	for e, b := range m.size {
		f.price[e] = int64(float64(b) / (1 << 30) * float64(perGiB) * float64(max(1, m.p.Usage.tokens)))
	}
	return f
}

func (f *fee) of(e int32, copies []int32) int64 {
	if f.old == nil {
		return 0
	}
	n := int64(0)
	for _, d := range copies {
		if !slices.Contains(f.old[e], d) {
			n += f.price[e]
		}
	}
	return n
}
