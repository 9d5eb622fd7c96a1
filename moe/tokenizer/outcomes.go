package tokenizer

import "sync/atomic"

// outcomes remembers for each token whether its own text encodes to just that
// token, which is so for nearly all and saves merging. It fills as texts come by,
// takes two bits per token and may be shared between goroutines: what it holds
// depends on the vocabulary alone, whoever asked first.
type outcomes struct {
	bits []atomic.Uint32
}

func newOutcomes(tokens int) outcomes { return outcomes{make([]atomic.Uint32, (tokens+15)/16)} }

func (o outcomes) of(id int32) uint32 { return o.bits[id/16].Load() >> (id % 16 * 2) & 3 }

// seen reports whether the answer is known.
func (o outcomes) seen(id int32) bool { return o.of(id) != 0 }

// same reports whether the answer is known to be yes.
func (o outcomes) same(id int32) bool { return o.of(id) == 3 }

func (o outcomes) record(id int32, same bool) {
	bits := uint32(1)
	if same {
		bits = 3
	}
	o.bits[id/16].Or(bits << (id % 16 * 2))
}
