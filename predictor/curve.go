package predictor

import "math"

// curve corrects probabilities by how often what was foretold so came true:
// counts in bins of log-odds, made monotone (isotonic regression) and joined by
// lines.
type curve struct {
	hits, seen   [bins]float32
	to           [bins]float32 // probability at the middle of each bin
	visits, next int           // visits since to was made, and after how many it is made anew
}

const (
	bins     = 33
	binWidth = 0.5
	lowest   = -binWidth * (bins - 1) / 2 // middle of the first bin
	// renewal is after how many visits the curve is made anew; what was counted
	// until then counts for less by fading.
	renewal = 128
	fading  = 0.94
	// trust is how many outcomes as foretold each bin begins with.
	trust = 4
)

func newCurve() (c curve) {
	c.renew()
	c.next = 8
	return c
}

// observe takes in what came of one visit: log-odds and, for each, 1 or 0.
func (c *curve) observe(odds, hits []float32) {
	for e, x := range odds {
		i := min(max(int((x-lowest)/binWidth+0.5), 0), bins-1)
		c.seen[i]++
		c.hits[i] += hits[e]
	}
	if c.visits++; c.visits >= c.next {
		c.renew()
		c.visits, c.next = 0, min(2*c.next, renewal)
	}
}

// renew makes the curve from the counts: pools of bins that would fall.
func (c *curve) renew() {
	var hits, seen [bins]float32
	var size [bins]int
	n := 0
	for i := range bins {
		p := sigmoid(lowest + float32(i)*binWidth)
		hits[n], seen[n], size[n] = c.hits[i]+trust*p, c.seen[i]+trust, 1
		for ; n > 0 && hits[n-1]*seen[n] >= hits[n]*seen[n-1]; n-- {
			hits[n-1] += hits[n]
			seen[n-1] += seen[n]
			size[n-1] += size[n]
		}
		n++
		if c.next == renewal {
			c.hits[i] *= fading
			c.seen[i] *= fading
		}
	}
	i := 0
	for pool := range n {
		for range size[pool] {
			c.to[i] = hits[pool] / seen[pool]
			i++
		}
	}
}

// correct turns log-odds into probabilities.
func (c *curve) correct(odds []float32) {
	for e, x := range odds {
		at := min(max((x-lowest)/binWidth, 0), bins-1)
		i := min(int(at), bins-2)
		part := at - float32(i)
		odds[e] = c.to[i] + part*(c.to[i+1]-c.to[i])
	}
}

// sigmoid is the probability of log-odds.
func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
