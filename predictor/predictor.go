package predictor

import (
	"fmt"

	"moed/moe/expert"
)

const (
	// sample is how many tokens of a batch are looked at: beyond them the union
	// of a layer's experts says little that is new.
	sample = 64
	// kept is how many of those the mixer learns from.
	kept = 4
	// sweepShare is the share of a layer's experts from which on all of them
	// are named: reading a layer from end to end is then as quick, and misses
	// none (ds4 measured it for prefill).
	sweepShare = 0.6
	// maxBuckets is how many kinds of tokens are told apart at most, and
	// minBuckets at least where any are.
	maxBuckets, minBuckets = 1024, 64
	// floor is the probability below which an expert is not named.
	floor = 0.02
	// maxPairs is how many bytes all tables of pairs may take.
	maxPairs = 32 << 20
)

// Options say how to predict. The zero value is right.
type Options struct {
	// Ahead is the largest distance in layers that has a mixer of its own; what
	// is asked about layers farther away is told as of that distance. 0 is 2.
	Ahead int
	// Path is one more source of guesses, nil for none.
	Path Path
}

func (o *Options) distances() int {
	if o.Ahead <= 0 {
		return 2
	}
	return o.Ahead
}

// Path foretells a pass from its tokens (package predictor/path). It is asked
// by one goroutine.
type Path interface {
	// Foretell begins a pass over ids, of which the first has place pos in its
	// text.
	Foretell(ids []int32, pos int)
	// Of is how likely each expert of layer is chosen in the pass at hand, 0 to
	// 1, or nil where that is not known.
	Of(layer int) []float32
	// Observe tells what the tokens chose in layer, [tokens][top-k].
	Observe(layer int, chosen []int32)
}

// Predictor guesses which experts the layers to come want, and learns from what
// they want then. It is used by one goroutine at a time. After some passes its
// methods do not allocate, as long as batches do not grow.
type Predictor struct {
	layers []layer
	gate   *gate // nil where no router has data
	path   Path
	ahead  int
	mixers []mixer // [ahead][modes]
	left   int     // bytes for tables of pairs
	table  *oddsTable
	latest int // layer last observed in this pass, -1 before
	tokens int // of this pass

	said    [Sources][]float32
	buckets int       // a power of two, or 0
	key     []int32   // [1], bucket of a token
	hits    []float32 // [experts], 1 where wanted
	p       []float32 // [experts]
	miss    []float32 // [experts]
	block   features  // where those of tokens go that nobody learns from
}

// layer is what is known of one layer.
type layer struct {
	experts, topK int
	usage         usage
	words         *pairs     // of tokens, by buckets, and experts; nil where there is no memory for it
	chosen        []int32    // [tokens][top-k] of the pass at hand, those of the sample
	pending       []*pending // [ahead]
}

// pending is what was guessed about a layer from one that lies some layers
// before it, until the outcome is known.
type pending struct {
	live   bool
	mode   mode
	tokens int             // of the batch
	n      int             // of x
	x      [kept]features  // what the sources said
	odds   [kept][]float32 // [experts], what the mixer made of it, log-odds
	raw    []float32       // [experts], log-odds of the union before recalibration
	pairs  *pairs          // nil where there is no memory for it
	seen   [kept][]float32 // [hidden] states that the gate was shown
}

// New prepares to predict for a model with those routers. A router without data
// stands for one whose hidden states nobody will show: only its rows and TopK
// count.
func New(gates []expert.Gate, o Options) (*Predictor, error) {
	o.Ahead = o.distances()
	p := &Predictor{layers: make([]layer, len(gates)), path: o.Path, ahead: o.Ahead, left: maxPairs, latest: -1, table: newOddsTable()}
	p.divide(gates)
	p.key = make([]int32, 1)
	most := 0
	data := false
	for i := range gates {
		g := &gates[i]
		if g.Router.Rows == 0 {
			continue
		}
		if g.TopK <= 0 || g.TopK > g.Router.Rows {
			return nil, fmt.Errorf("router of layer %d: chooses %d of %d experts", i, g.TopK, g.Router.Rows)
		}
		p.layers[i] = layer{experts: g.Router.Rows, topK: g.TopK, usage: newUsage(g.Router.Rows, g.TopK, p.table), pending: make([]*pending, o.Ahead)}
		p.layers[i].words = p.newPairs(p.buckets, g.Router.Rows)
		most = max(most, g.Router.Rows)
		data = data || len(g.Router.Data) > 0
	}
	if most == 0 {
		return nil, fmt.Errorf("the model has no routers")
	}
	if data {
		var err error
		if p.gate, err = newGate(gates, o.Ahead); err != nil {
			return nil, err
		}
	}
	p.mixers = newMixers(o.Ahead, len(gates))
	p.hits, p.p, p.miss = make([]float32, most), make([]float32, most), make([]float32, most)
	p.block = newFeatures(most)
	for i := range p.said {
		p.said[i] = make([]float32, 0, most)
	}
	return p, nil
}

// newPairs makes a table, unless its memory would be too much.
func (p *Predictor) newPairs(from, to int) *pairs {
	bytes := pairBytes(from, to)
	if from == 0 || bytes > p.left {
		return nil
	}
	p.left -= bytes
	return newPairs(from, to)
}

// divide sets the number of buckets such that their tables take at most half of
// the memory for pairs.
func (p *Predictor) divide(gates []expert.Gate) {
	bytes := 0 // for one bucket
	for i := range gates {
		bytes += pairBytes(1, gates[i].Router.Rows)
	}
	for n := maxBuckets; n >= minBuckets && p.buckets == 0; n /= 2 {
		if n*bytes <= maxPairs/2 {
			p.buckets = n
		}
	}
}

// bucket is where a token's choices are counted; some tokens share one.
func (p *Predictor) bucket(id int32) int32 {
	return int32(uint32(id) * 2654435761 >> 16 & uint32(p.buckets-1))
}
