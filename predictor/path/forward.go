package path

import "slices"

// hide computes the hidden layer, before max(0, x), of the token with the first
// of rows after those with the others. from is the sum of C, and share what of
// it counts.
func (m *Model) hide(dst []float32, rows []int32, from []float32, share float32) {
	w := m.width
	copy(dst, m.start)
	addScaled(dst, m.token[int(rows[0])*w:][:w], 1)
	for lag, row := range rows[1:] {
		addProduct(dst, m.gates[lag*w:], m.past[int(row)*w:])
	}
	addScaled(dst, from, share)
}

// compress appends those of h that are above zero and their places, and zeros
// until there is a multiple of four.
func compress(values []float32, places []int32, h []float32) ([]float32, []int32) {
	for i, x := range h {
		if x > 0 {
			values = append(values, x)
			places = append(places, int32(i))
		}
	}
	for len(values)%4 > 0 {
		values = append(values, 0)
		places = append(places, 0)
	}
	return values, places
}

// gather adds the vectors of what was chosen to dst.
func (l *layer) gather(dst []float32, chosen []int32) {
	w := len(dst)
	row := func(e int32) []float32 { return l.from[int(e)*w:][:w] }
	for ; len(chosen) >= 4; chosen = chosen[4:] {
		addScaled4(dst, row(chosen[0]), row(chosen[1]), row(chosen[2]), row(chosen[3]), 1, 1, 1, 1)
	}
	for _, e := range chosen {
		addScaled(dst, row(e), 1)
	}
}

// logits sets dst to what the logistic function turns into probabilities, from
// the compressed hidden layer and from what the tokens before chose.
func (l *layer) logits(dst, hidden []float32, active, last []int32, often []float32) {
	copy(dst, l.bias)
	addProduct(dst, l.often, often)
	for _, e := range last {
		dst[e] += l.last[e]
	}
	l.spread(dst, hidden, active)
}

// spread adds V·h to dst.
func (l *layer) spread(dst, hidden []float32, active []int32) {
	n := l.experts
	row := func(i int) []float32 { return l.out[int(active[i])*n:][:n] }
	for i := 0; i+4 <= len(hidden); i += 4 {
		addScaled4(dst, row(i), row(i+1), row(i+2), row(i+3), hidden[i], hidden[i+1], hidden[i+2], hidden[i+3])
	}
}

// Best appends the k likeliest experts to dst, the likeliest first; of equals
// the lower.
func Best(dst []int32, p []float32, k int) []int32 {
	from := len(dst)
	for range min(k, len(p)) {
		best := int32(-1)
		for e := range p {
			if (best < 0 || p[e] > p[best]) && !slices.Contains(dst[from:], int32(e)) {
				best = int32(e)
			}
		}
		dst = append(dst, best)
	}
	return dst
}
