package predictor

import (
	"moed/moe/expert"
	"moed/moe/kernels"
)

// Guess appends to dst the experts that layer, which is to come in the same
// pass, is likely to want for the tokens of d, with their probabilities. They
// are in ascending order; those that are left out are not likely. Where most of
// a layer is wanted by a batch, all of it is named.
func (p *Predictor) Guess(dst []expert.Guess, d *expert.Demand, layer int) []expert.Guess {
	if d.Layer < 0 || layer <= d.Layer || layer >= len(p.layers) || d.Layer != p.latest || d.Tokens != p.tokens {
		return dst
	}
	l := &p.layers[layer]
	if l.experts == 0 {
		return dst
	}
	distance := min(layer-d.Layer, p.ahead)
	at := p.await(layer, distance, d)
	p.unite(at, d, layer, distance)
	odds := p.p[:l.experts]
	copy(odds, at.raw)
	p.mixer(distance, at.mode).curve(d.Tokens).correct(odds)
	var union float32
	for _, x := range odds {
		union += x
	}
	all := d.Tokens > 1 && union > sweepShare*float32(l.experts)
	for e, x := range odds {
		if all || x >= floor {
			dst = append(dst, expert.Guess{Expert: int32(e), P: x})
		}
	}
	return dst
}

// await is where a guess is kept until its outcome is known.
func (p *Predictor) await(layer, distance int, d *expert.Demand) *pending {
	l := &p.layers[layer]
	at := l.pending[distance-1]
	if at == nil {
		at = &pending{raw: make([]float32, l.experts)}
		l.pending[distance-1] = at
		from := &p.layers[layer-distance]
		at.pairs = p.newPairs(from.experts, l.experts)
	}
	at.live = layer-d.Layer == distance
	at.tokens, at.n, at.mode = d.Tokens, min(d.Tokens, kept), 0
	for i := range at.n {
		if at.odds[i] == nil {
			at.x[i], at.odds[i] = newFeatures(l.experts), make([]float32, l.experts)
			if p.gate != nil {
				at.seen[i] = make([]float32, p.gate.hidden)
			}
		}
	}
	return at
}

// unite sets at.raw to the log-odds that any of d's tokens wants each expert.
func (p *Predictor) unite(at *pending, d *expert.Demand, layer, distance int) {
	l, from := &p.layers[layer], &p.layers[d.Layer]
	n := min(d.Tokens, sample)
	var scores []float32
	if p.gate != nil && p.gate.sees(d, layer) {
		at.mode |= withGate
		scores = p.gate.look(at, d, layer, distance)
	}
	var paths []float32
	if p.path != nil && d.Tokens == 1 {
		if paths = p.path.Of(layer); len(paths) == l.experts {
			at.mode |= withPath
		}
	}
	m := p.mixer(distance, at.mode)
	weights := m.weights(layer)
	miss := p.miss[:l.experts]
	for e := range miss {
		miss[e] = 1
	}
	slot := 0
	for i := range n {
		x, odds := &p.block, p.p[:l.experts]
		if slot < at.n && i == slot*n/at.n {
			x, odds = &at.x[slot], at.odds[slot]
			slot++
		}
		l.usage.say(x)
		if at.mode&withGate != 0 {
			x.gate(scores[i*l.experts:][:l.experts], l.topK)
		}
		if at.mode&withPath != 0 {
			x.path(paths, p.table)
		}
		if at.pairs != nil && len(from.chosen) == n*from.topK && at.live {
			at.pairs.say(x[transition][:l.experts], from.chosen[i*from.topK:][:from.topK], l.usage.slow, p.table)
		} else {
			copy(x[transition], x[popularity])
		}
		if l.words != nil && len(d.IDs) == d.Tokens {
			p.key[0] = p.bucket(d.IDs[i*d.Tokens/n])
			l.words.say(x[token][:l.experts], p.key, l.usage.slow, p.table)
		} else {
			copy(x[token], x[popularity])
		}
		mix(odds, x, weights)
		if n == 1 {
			copy(at.raw, odds)
			p.quote(x, at.mode, len(d.IDs) == 1 && l.words != nil)
			return
		}
		sure := p.p[:l.experts]
		copy(sure, odds)
		kernels.Sigmoid(sure)
		for e := range miss {
			miss[e] *= 1 - sure[e]
		}
	}
	union(at.raw, miss, float64(d.Tokens)/float64(n))
}

// quote keeps what the sources said of a single token.
func (p *Predictor) quote(x *features, of mode, named bool) {
	for s := range p.said {
		p.said[s] = p.said[s][:0]
		if Source(s) == Gate && of&withGate == 0 || Source(s) == PathModel && of&withPath == 0 || Source(s) == Token && !named {
			continue
		}
		p.said[s] = append(p.said[s], x[quoted[s]]...)
	}
}

// Said is how a source alone ranks the experts of the layer last guessed about,
// the larger the likelier, for a pass of one token; empty where it has nothing
// to say. It is valid until the next Guess.
func (p *Predictor) Said(s Source) []float32 { return p.said[s] }

func (p *Predictor) mixer(distance int, of mode) *mixer {
	return &p.mixers[(distance-1)*modes+int(of)]
}
