package policy

import "math"

// cycle is the recommended policy. It expects the next use from two things: the
// layer cycle, since an expert cannot be wanted before its layer comes round,
// and an estimate p of the probability that a visit of the layer wants it. Of
// visits that each want it with p, 1/p-1 are expected to pass by first, a whole
// cycle each.
//
// p is a mixture of simple estimates: moving averages of use from the last
// token alone to all tokens, what used to follow the last token's experts in
// this layer, and chance. How far each is to be trusted depends on the model
// and the text, and is learned from the stream (see blend).
type cycle struct {
	shape   Shape
	blend   blend
	follows succession
	tokens  []float32           // [layer]: taken in, a prompt's at promptShare
	average [averages][]float32 // [layer*Experts+expert]: of use, by rate
	thought []float32           // [layer*Experts+expert]: moving average of what the router thinks
	use     []float32           // [layer*Experts+expert]: p
	wait    []float32           // [layer*Experts+expert]: visits beyond the layer's next one
	share   []float32           // [expert]: of the batch's tokens, scratch
	step    [averages]float32   // of the averages for this batch, scratch
	seen    float32             // of thought, the like
}

const (
	averages = 5
	// promptShare is how much a token counts that comes in a batch with others.
	// A prompt's tokens say less about the next ones than made ones do.
	promptShare = 0.2
	leastUse    = 1e-5
	// thoughtRate is that of the average of the router's probabilities.
	thoughtRate = 0.3
	maxThought  = 1e6 // a sum beyond it is not one of probabilities
)

// rates of the moving averages per token; 0 is the mean of all tokens.
func rates() [averages]float32 { return [averages]float32{1, 0.3, 0.06, 0.012, 0} }

func newCycle(s Shape) *cycle {
	n := s.Layers * s.Experts
	c := &cycle{
		shape:   s,
		blend:   newBlend(),
		follows: newSuccession(s),
		tokens:  make([]float32, s.Layers),
		thought: make([]float32, n),
		use:     make([]float32, n),
		wait:    make([]float32, n),
		share:   make([]float32, s.Experts),
	}
	for i := range c.average {
		c.average[i] = make([]float32, n)
	}
	for i := range c.wait {
		c.use[i], c.wait[i] = leastUse, c.expect(0)
	}
	return c
}

func (c *cycle) Visit(v *Visit) {
	if !c.shape.holds(v.Layer, 0) {
		return
	}
	tokens := max(v.Tokens, 1)
	perToken := c.spread(v.Experts, v.Counts, tokens)
	if perToken == 0 {
		return
	}
	chance := perToken / float32(c.shape.Experts)
	if tokens == 1 && c.tokens[v.Layer] > 0 {
		c.judge(v.Layer, v.Experts, chance)
	}
	c.follows.note(v.Layer, v.Experts, tokens)
	c.turn(v.Layer, tokens)
	c.think(v.Layer*c.shape.Experts, v.Probs, perToken)
	c.update(v.Layer*c.shape.Experts, chance)
}

// think moves the average of what the router thinks: the one thing that tells
// experts apart that are not chosen. It is scaled so that its sum is that of the
// chosen ones. Where it is not known what was chosen stands in.
func (c *cycle) think(at int, probs []float32, perToken float32) {
	thought, scale := c.thought[at:][:len(c.share)], float32(0)
	if len(probs) <= len(c.share) {
		for _, p := range probs {
			scale += p
		}
	}
	if !(scale > 0) || scale > maxThought {
		for e, share := range c.share {
			thought[e] += c.seen * (share - thought[e])
		}
		return
	}
	scale = perToken / scale
	for e, p := range probs {
		thought[e] += c.seen * (min(1, max(0, p*scale)) - thought[e])
	}
}

// update moves the averages of the layer that begins at cell at by the batch's
// shares, and sets its waits by the blend of all estimates.
func (c *cycle) update(at int, chance float32) {
	n := len(c.share)
	wait, use, next, thought := c.wait[at:][:n], c.use[at:][:n], c.follows.next[at:][:n], c.thought[at:][:n]
	for e := range use {
		use[e] = c.blend.weight[ofChance]*chance + c.blend.weight[ofThought]*thought[e]
	}
	for i := range c.average {
		average, step, weight := c.average[i][at:][:n], c.step[i], c.blend.weight[i]
		for e, share := range c.share {
			average[e] += step * (share - average[e])
			use[e] += weight * average[e]
		}
	}
	// Where little has been seen to follow, the others' estimate stands in.
	weight := c.blend.weight[ofSuccession]
	unknown := c.follows.unknown / (1 - weight)
	for e, p := range use {
		next[e] += unknown * p
		use[e] = min(1, max(p+weight*next[e], leastUse))
		wait[e] = c.expect(use[e])
	}
}

// Foresee sets the waits of a layer of which more is known. An expert that its
// next visit wants with probability p waits as one that every visit does; but
// it waits no longer than one of which it is only known that this visit passes
// it by, if it does.
func (c *cycle) Foresee(layer int, experts []int32, p []float32) {
	if !c.shape.holds(layer, 0) {
		return
	}
	n, layers := c.shape.Experts, float32(c.shape.Layers)
	wait, use := c.wait[layer*n:][:n], c.use[layer*n:][:n]
	for e, u := range use {
		wait[e] = layers / u
	}
	for i, e := range experts {
		if e < 0 || int(e) >= n || i >= len(p) {
			continue
		}
		passes := 1 - min(1, max(p[i], leastUse))
		wait[e] = min(c.expect(p[i]), passes*wait[e])
	}
}

// spread sets share from a batch and returns how many experts a token wants on
// average.
func (c *cycle) spread(experts, counts []int32, tokens int) float32 {
	clear(c.share)
	perToken := float32(0)
	for i, e := range experts {
		if e < 0 || int(e) >= c.shape.Experts {
			continue
		}
		share := 1 / float32(tokens)
		if i < len(counts) {
			share = min(1, max(0, float32(counts[i])*share))
		}
		c.share[e] = share
		perToken += share
	}
	return perToken
}

// judge lets the blend learn from how the estimates did.
func (c *cycle) judge(layer int, experts []int32, chance float32) {
	c.blend.begin()
	for _, e := range experts {
		if e < 0 || int(e) >= c.shape.Experts {
			continue
		}
		at := layer*c.shape.Experts + int(e)
		var estimates [parts]float32
		for i := range c.average {
			estimates[i] = c.average[i][at]
		}
		estimates[ofSuccession] = c.follows.next[at]
		estimates[ofThought] = c.thought[at]
		estimates[ofChance] = chance
		c.blend.see(estimates)
	}
	c.blend.learn()
}

// turn takes a batch into the layer's count of tokens, and sets how far the
// averages move: by their rates, but no slower than a plain mean would at first.
func (c *cycle) turn(layer, tokens int) {
	n := float32(1)
	if tokens > 1 {
		n = promptShare * float32(tokens)
	}
	c.tokens[layer] += n
	mean := n / (c.tokens[layer] + 1)
	for i, rate := range rates() {
		step := rate
		if tokens > 1 {
			step = float32(1 - math.Pow(float64(1-rate), float64(n)))
		}
		c.step[i] = max(step, mean)
	}
	c.seen = max(thoughtRate, mean)
	if tokens > 1 {
		c.seen = max(float32(1-math.Pow(1-thoughtRate, float64(n))), mean)
	}
}

// expect is the number of layer visits that pass after the layer's next one
// when each of the layer's wants the expert with probability p.
func (c *cycle) expect(p float32) float32 {
	return float32(c.shape.Layers) * (1/min(1, max(p, leastUse)) - 1)
}

func (c *cycle) Distance(now, layer, expert int) float32 {
	if !c.shape.holds(layer, expert) {
		return never
	}
	return float32(c.shape.ahead(now, layer)) + c.wait[layer*c.shape.Experts+expert]
}

// victim is Victim without a call per expert.
func (c *cycle) victim(now int, held []Key) int {
	victim, farthest := -1, float32(-1)
	for i, k := range held {
		if d := c.Distance(now, int(k.Layer), int(k.Expert)); d > farthest {
			victim, farthest = i, d
		}
	}
	return victim
}
