package predictor

// pairs counts how often a token that chose one expert in a layer chose another
// in a later one: the affinity of ExFlow (Yao et al. 2024, arXiv 2401.08383).
type pairs struct {
	to    int
	count []uint16 // [from][to]
	seen  []uint16 // [from]
}

const (
	// maxSeen halves the counts of an expert that has been seen so often.
	maxSeen = 8192
	// prior is how many times an expert counts as seen with what is popular.
	prior = 2
)

func newPairs(from, to int) *pairs {
	return &pairs{to: to, count: make([]uint16, from*to), seen: make([]uint16, from)}
}

// pairBytes is what newPairs takes.
func pairBytes(from, to int) int { return 2 * from * (to + 1) }

// observe takes in what one token chose in both layers.
func (p *pairs) observe(from, to []int32) {
	for _, s := range from {
		row := p.count[int(s)*p.to:][:p.to]
		for _, e := range to {
			row[e]++
		}
		if p.seen[s]++; p.seen[s] == maxSeen {
			p.seen[s] /= 2
			for e := range row {
				row[e] /= 2
			}
		}
	}
}

// say sets dst to the log-odds of the mean, over what a token chose, of how
// often each expert came with it.
func (p *pairs) say(dst []float32, from []int32, popular []float32, t *oddsTable) {
	var base float32
	clear(dst)
	for _, s := range from {
		scale := 1 / (float32(p.seen[s]) + prior) / float32(len(from))
		base += prior * scale
		for e, n := range p.count[int(s)*p.to:][:p.to] {
			dst[e] += float32(n) * scale
		}
	}
	for e := range dst {
		dst[e] = t.logOdds(dst[e] + base*popular[e])
	}
}
