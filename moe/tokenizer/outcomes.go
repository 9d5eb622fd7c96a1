package tokenizer

import "sync/atomic"

// outcomes remembers for each token whether its own text encodes to just that
// token, which is so for nearly all and saves merging. It fills as texts come by,
// takes a bit per token and may be shared between goroutines: what it holds
// depends on the vocabulary alone, whoever asked first.
type outcomes struct {
	bits []atomic.Uint32
}

func newOutcomes(tokens int) outcomes { return outcomes{make([]atomic.Uint32, (tokens+31)/32)} }

// same reports whether the answer is known to be yes.
func (o outcomes) same(id int32) bool { return o.bits[id/32].Load()>>(id%32)&1 != 0 }

func (o outcomes) record(id int32, same bool) {
	if same {
		o.bits[id/32].Or(1 << (id % 32))
	}
}
