package placement

import "math"

// BoundLocal bounds the share of pairs of adjacent layers that any plan without
// replicas keeps on one device. Each pair of layers is bounded by itself, by the
// better of two methods.
func BoundLocal(p *Problem) Bound {
	m := newMeter(p)
	total, most, spectral := 0.0, 0.0, 0
	for l, pairs := range m.affinities() {
		w := newMatrix(len(p.Layers[l]), len(p.Layers[l+1]))
		sum := 0.0
		for _, a := range pairs {
			w.cell[(int(a.from)-m.base[l])*w.cols+int(a.to)-m.base[l+1]] = float64(a.weight)
			sum += float64(a.weight)
		}
		total += sum
		x, exactX := p.places(l)
		y, exactY := p.places(l + 1)
		limit := min(sum, degreeBound(w, maxOf(y), maxOf(x)))
		if w.rows*w.cols <= 1<<18 && sum > 0 {
			if s := spectralBound(w, x, y, exactX && exactY) * (1 + 1e-9); s < limit {
				limit = s
				spectral++
			}
		}
		most += limit
	}
	if total == 0 {
		return Bound{1, "no pairs"}
	}
	b := Bound{math.Min(1, most/total), "pairs of layers apart: degrees"}
	if spectral > 0 {
		b.Method = "pairs of layers apart: the lesser of spectral and degrees"
	}
	if p.copies() > 1 {
		b = Bound{1, "trivial: with replicas"}
	}
	return b
}

// places is how many experts of a layer each device can take, and whether all
// must be full.
func (p *Problem) places(l int) ([]int, bool) {
	out, sum, n := make([]int, len(p.Devices)), 0, len(p.Layers[l])
	least := int64(math.MaxInt64)
	for _, b := range p.Layers[l] {
		least = min(least, b)
	}
	for d := range out {
		out[d] = n
		if most := p.Devices[d].PerLayer; most > 0 {
			out[d] = min(out[d], most)
		}
		if least > 0 {
			out[d] = int(min(int64(out[d]), p.Devices[d].Capacity/least))
		}
		sum += out[d]
	}
	return out, sum == n
}

func maxOf(counts []int) int {
	n := 0
	for _, c := range counts {
		n = max(n, c)
	}
	return n
}
