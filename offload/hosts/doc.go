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
// serves demands. Answer is the other side: it has a Computer do the Job that a
// message asks for. A Plan is followed from the next pass on.
//
// # Caveats
//
// A trial compares the experts that it happens to ask for. A host whose file is
// damaged in other places is only found where its own checks find it (moed verify).
package hosts
