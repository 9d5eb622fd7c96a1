// Package hosts has experts computed on other hosts of a network, where they lie
// in RAM, instead of being read from this host's flash. To the forward pass it is
// one more source of experts, with the same bits.
//
// # What
//
// A Plan says which hosts hold which experts. For each layer the stream sends one
// message to every host that holds chosen ones: the hidden states of their
// tokens, once, and which experts are wanted for which of them. The messages go
// out before local work starts. A host answers every expert's output for every
// token, unsummed and in f32; the forward pass adds them in the router's order,
// as it adds those it computed itself, so that the sum has the bits of a single
// host. What a message may hold is bounded, so a prompt's chunk is several.
//
// Where a Plan is Moving, tokens go to a host for the layers of which it holds all
// experts: the residual stream goes there, through the layers, and comes back with
// the keys and values that it has left, so that the caches here stay whole and any
// layer can be run here at any time. A host that has not run a session's earlier
// tokens is first sent their keys and values. (The context-coherent parallelism of
// ExFlow, Yao et al. 2024, with a host for each layer in place of one for each
// expert: with more than one expert per token hardly a token has all on one host
// otherwise.)
//
// A host that has no room for all its experts is sent hints: what a predictor says
// of layers to come, while the tokens are still before them.
//
// Where a Plan has Half for a host, its answers are f16, and its experts' outputs
// are rounded to that also where they are computed by others.
//
// This host can compute every expert itself, from its own file: that is what
// happens where the plan names nobody, where a host is down, and where an answer
// is late. A late answer is one that takes longer than nearly all before it: the
// experts are then read here (a hedged request), and whatever the host answers
// later only tells that it lives. A host that was late or failed is passed over
// for a while, and comes back by a trial: it is asked, the same is computed here,
// and the two must agree to the bit. So must they for a host that is new, since
// another build or another file would give other numbers.
//
// # Nouns
//
// Network carries messages to hosts by name. Experts is the source; its Stream
// serves demands, and Run takes a Passage through layers. Answer is the other side:
// it has a Computer do the Job, or a Stage the Transit, that a message asks for, and
// a Foreteller take a Hint. A Plan is followed from the next pass on.
//
// # Caveats
//
// A trial compares the experts that it happens to ask for. A host whose file is
// damaged in other places is only found where its own checks find it (moed verify).
// The first passage through whole layers after each start of a host is compared
// likewise.
//
// Tokens that move are not seen here by who observes demands: what is known of how
// often experts are used then comes from the other layers.
package hosts
