package tokenizer

import "math/bits"

// pairs maps two neighbouring tokens to their rank, lowest first, and to the
// token they merge into. Open addressing over pairs of ids: one cache line per
// look-up where a map of strings would take several.
type pairs struct {
	slots []pair
	shift uint // 64 - log2(len(slots))
}

type pair struct {
	key    uint64 // (left+1)<<32 | right; zero is empty
	rank   int32
	merged int32
}

func newPairs(n int) *pairs {
	log := bits.Len(uint(max(n*3/2, 4)))
	return &pairs{slots: make([]pair, 1<<log), shift: uint(64 - log)}
}

func pairKey(left, right int32) uint64 { return uint64(left+1)<<32 | uint64(uint32(right)) }

// slot is where the key is, or where it would go. The multiplier is 2^64 divided
// by the golden ratio.
func (p *pairs) slot(key uint64) *pair {
	i := (key ^ key>>29) * 0x9e3779b97f4a7c15 >> p.shift
	for p.slots[i].key != key && p.slots[i].key != 0 {
		i = (i + 1) & uint64(len(p.slots)-1)
	}
	return &p.slots[i]
}

// add keeps the first of equal pairs, which has the lower rank. It must not be
// called more than n times.
func (p *pairs) add(left, right, rank, merged int32) {
	if e := p.slot(pairKey(left, right)); e.key == 0 {
		*e = pair{pairKey(left, right), rank, merged}
	}
}

// find is the rank of two tokens, and what they merge into; the rank is never
// where they do not.
func (p *pairs) find(left, right int32) (rank, merged int32) {
	if left < 0 || right < 0 {
		return never, -1
	}
	if e := p.slot(pairKey(left, right)); e.key != 0 {
		return e.rank, e.merged
	}
	return never, -1
}
