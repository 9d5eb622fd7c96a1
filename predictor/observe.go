package predictor

import "moed/moe/expert"

// Observe takes in a demand. Every demand is observed, in order, before it is
// guessed from.
func (p *Predictor) Observe(d *expert.Demand) {
	if d.Layer < 0 || d.Layer >= len(p.layers) || p.layers[d.Layer].experts == 0 || d.Tokens <= 0 {
		return
	}
	if d.Layer <= p.latest || p.latest < 0 || d.Tokens != p.tokens {
		p.begin(d)
	}
	p.latest = d.Layer
	l := &p.layers[d.Layer]
	chosen := l.choices(d)
	for distance, at := range l.pending {
		if at != nil && at.live {
			at.live = false
			p.learn(at, d, distance+1, chosen)
		}
	}
	if l.words != nil && chosen != nil && len(d.IDs) == d.Tokens {
		for i, n := 0, min(d.Tokens, sample); i < n; i++ {
			t := i * d.Tokens / n
			p.key[0] = p.bucket(d.IDs[t])
			l.words.observe(p.key, chosen[t*l.topK:][:l.topK])
		}
	}
	l.remember(d, chosen)
	l.usage.observe(d, chosen)
	if p.path != nil && chosen != nil {
		p.path.Observe(d.Layer, chosen)
	}
}

// begin forgets what was guessed in a pass that ended.
func (p *Predictor) begin(d *expert.Demand) {
	p.tokens = d.Tokens
	for i := range p.layers {
		p.layers[i].chosen = p.layers[i].chosen[:0]
		for _, at := range p.layers[i].pending {
			if at != nil {
				at.live = false
			}
		}
	}
	if p.path != nil && len(d.IDs) > 0 && len(d.Pos) > 0 {
		p.path.Foretell(d.IDs, d.Pos[0])
	}
}

// choices are what d's tokens chose, [tokens][top-k], or nil where it does not
// say.
func (l *layer) choices(d *expert.Demand) []int32 {
	chosen := d.Chosen
	if chosen == nil && d.Tokens == 1 {
		chosen = d.Experts
	}
	if len(chosen) != d.Tokens*l.topK {
		return nil
	}
	for _, e := range chosen {
		if e < 0 || int(e) >= l.experts {
			return nil
		}
	}
	return chosen
}

// remember keeps the choices of the sample for the layers to come.
func (l *layer) remember(d *expert.Demand, chosen []int32) {
	l.chosen = l.chosen[:0]
	if chosen == nil {
		return
	}
	n := min(d.Tokens, sample)
	for i := range n {
		at := i * d.Tokens / n * l.topK
		l.chosen = append(l.chosen, chosen[at:at+l.topK]...)
	}
}

// learn compares what was guessed about d's layer with d.
func (p *Predictor) learn(at *pending, d *expert.Demand, distance int, chosen []int32) {
	if at.tokens != d.Tokens {
		return
	}
	l := &p.layers[d.Layer]
	m := p.mixer(distance, at.mode)
	hits := p.hits[:l.experts]
	clear(hits)
	for _, e := range d.Experts {
		if e >= 0 && int(e) < l.experts {
			hits[e] = 1
		}
	}
	m.curve(d.Tokens).observe(at.raw, hits)
	if chosen == nil {
		return
	}
	from := &p.layers[d.Layer-distance]
	n := min(d.Tokens, sample)
	for i := range at.n {
		token := i * n / at.n
		mine := chosen[token*d.Tokens/n*l.topK:][:l.topK]
		clear(hits)
		for _, e := range mine {
			hits[e] = 1
		}
		m.learn(d.Layer, &at.x[i], at.odds[i], hits, p.p[:l.experts], at.mode)
	}
	if at.pairs != nil && len(from.chosen) == n*from.topK {
		for i := range n {
			at.pairs.observe(from.chosen[i*from.topK:][:from.topK], chosen[i*d.Tokens/n*l.topK:][:l.topK])
		}
	}
	if at.mode&withGate != 0 && len(d.Hidden) == d.Tokens*p.gate.hidden {
		for i := range at.n {
			row := i * n / at.n * d.Tokens / n
			p.gate.drift(d.Layer, distance, at.seen[i], d.Hidden[row*p.gate.hidden:][:p.gate.hidden])
		}
	}
}
