package offload

import "time"

// passing watches the pass at hand for the ledger. Where several streams are
// served in turn it takes them for one, which costs precision and nothing else.
type passing struct {
	pass
	layer int       // last seen
	began time.Time // zero before the first pass
	last  time.Time // when an expert was last given out

	wants int       // reads under way that are wanted now
	since time.Time // when they were last counted
}

// meet notes a demand, and returns what the pass before it was where this one
// begins another.
func (p *passing) meet(layer, tokens int, now time.Time) (ended pass, ok bool) {
	if layer > p.layer && !p.began.IsZero() {
		p.layer = layer
		return pass{}, false
	}
	p.count(now)
	ended, ok = p.pass, p.last.After(p.began)
	ended.took = p.last.Sub(p.began)
	p.pass, p.layer, p.began = pass{tokens: tokens}, layer, now
	return ended, ok
}

// reads notes that n more reads are under way that are wanted now, or fewer.
func (p *passing) reads(n int, now time.Time) {
	p.count(now)
	p.wants += n
}

// count adds up the time with such reads.
func (p *passing) count(now time.Time) {
	if p.wants > 0 {
		p.pass.wanted += now.Sub(p.since)
	}
	p.since = now
}
