package policy

// blend is the weights of a mixture of estimates, learned online: with each
// expert that was chosen, an estimate's weight moves towards its part in what
// the mixture had said of it (expectation maximisation, one step per visit;
// each estimate sums to the same over a layer's experts, so that none wins by
// being bold). The weights are shared by all layers and so settle within a few
// tokens. They sum to 1.
type blend struct {
	weight [parts]float32
	part   [parts]float32 // sums over a visit
	seen   int            // in the visit
	visits float32        // judged
}

// Places of the estimates that are no moving average.
const (
	ofSuccession = averages + iota
	ofThought
	ofChance
	parts
)

const (
	priorVisits = 100   // what the first weights are worth
	leastPace   = 0.003 // per visit, so that the weights follow a change of text
	leastWeight = 1e-3
)

func newBlend() blend {
	return blend{weight: [parts]float32{0.1, 0.1, 0.2, 0.1, 0.1, ofSuccession: 0.38, ofThought: 0.01, ofChance: 0.01}}
}

// begin starts a visit.
func (b *blend) begin() {
	b.part, b.seen = [parts]float32{}, 0
}

// see takes in what the estimates had said of an expert that was chosen.
func (b *blend) see(estimates [parts]float32) {
	sum := float32(0)
	for i, p := range estimates {
		estimates[i] = b.weight[i] * p
		sum += estimates[i]
	}
	if !(sum > 0) {
		return
	}
	for i, p := range estimates {
		b.part[i] += p / sum
	}
	b.seen++
}

// learn moves the weights by what the visit showed. None falls to nothing, or it
// could never rise again.
func (b *blend) learn() {
	if b.seen == 0 {
		return
	}
	b.visits = min(b.visits+1, 1/leastPace)
	pace := max(leastPace, 1/(priorVisits+b.visits))
	sum := float32(0)
	for i := range b.weight {
		b.weight[i] += pace * (b.part[i]/float32(b.seen) - b.weight[i])
		b.weight[i] = max(b.weight[i], leastWeight)
		sum += b.weight[i]
	}
	for i := range b.weight {
		b.weight[i] /= sum
	}
}
