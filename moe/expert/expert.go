// Package expert is the vocabulary that the forward pass and the stores of
// experts share: which expert, its weights, and the loan of them.
//
// # Nouns
//
// Weights are the three matrices of one expert. A Demand says which experts of
// a layer a batch of tokens wants; a Lease is the loan of one of them, and a
// Stream gives the leases of one demand after the other. A Job is what one host
// asks another to compute, instead of reading the weights itself.
//
// # Caveats
//
// A Lease is valid from Next until Release, and is released exactly once. The
// matrices of a Lease, or its outputs, view memory of the store; nothing may
// keep them.
package expert

import (
	"context"

	"moed/moe/kernels"
)

// Weights are the matrices of one expert. With hidden size d and expert width
// f, Gate and Up are f rows of d values, Down is d rows of f values.
type Weights struct {
	Gate, Up, Down kernels.Matrix
}

// Demand is what one layer wants for a batch of tokens.
type Demand struct {
	Layer int
	// Experts are the different experts chosen, in ascending order.
	Experts []int32
	// Counts says how many of the batch's tokens chose each of Experts.
	Counts []int32
	// Hidden are the normalised hidden states that the router saw, one row of
	// the model's hidden size per token, for predictors of later layers.
	Hidden []float32
	// Tokens is the number of tokens in the batch.
	Tokens int

	// What follows is each token's, for traces and predictors; a store needs
	// none of it, and who makes a demand by hand may leave it nil.

	// IDs are the tokens, and Pos their places in their texts.
	IDs []int32
	Pos []int
	// Chosen are the experts of each token in descending order of the router's
	// preference, and Weights how much each counts: [Tokens][top-k].
	Chosen  []int32
	Weights []float32
	// Probs are what the router thinks of every expert, also of those that it
	// did not choose, in 0 to 1: a softmax over the layer or a sigmoid of each,
	// before any bias for the choice. [Tokens][experts of the layer].
	Probs []float32
}

// Lease is one expert on loan.
type Lease struct {
	// Slot is the expert's place in Demand.Experts.
	Slot int
	Weights
	// Out, where it is not nil, is what the expert gives for its tokens of the
	// demand, computed elsewhere from Demand.Hidden: [Counts[Slot]][hidden size],
	// before any bias on it. Weights is zero then.
	Out []float32
	// Round has the expert's outputs rounded to what an f16 can hold, wherever
	// they are computed.
	Round bool
	// Handle belongs to the store that gave the lease.
	Handle int
}

// Stream serves the demands of one forward pass after the other. It is used by
// one goroutine. For each demand: one Want, then Next until it returns none,
// each lease released before the next Want. A demand that is left before that
// keeps experts at hand for itself until the next Want, also one that fails.
type Stream interface {
	// Want begins a demand. It does not wait for experts. The demand and its
	// slices stay as they are until the last Next.
	Want(ctx context.Context, d *Demand) error
	// Next waits until at least one more expert of the demand is at hand and
	// fills dst with those that are, up to len(dst). It returns 0 when all have
	// been given.
	Next(ctx context.Context, dst []Lease) (int, error)
	// Release ends a loan.
	Release(l *Lease)
}
