// Package offload keeps the experts of a model in a bounded part of RAM and
// fetches the others from flash when a layer wants them. To the forward pass it
// is one more source of experts, beside the one that has them all resident: the
// same demands, the same leases, the same bits.
//
// # What
//
// A Mixture-of-Experts model touches few of its experts for a token and comes
// back to many of those soon. A cache of a third of them serves nine wants in
// ten; the rest is read while the arithmetic of those at hand goes on. Hits are
// handed out first, misses as they arrive, and the caller sums the outputs in
// the order of the router's slots, so that timing never changes a result.
//
// One layer's arithmetic is shorter than one expert's read, so reading has to
// begin layers ahead: a Predictor names what later layers are likely to want,
// and that is read behind all that is wanted now, into slots whose experts are
// expected later still. When the real demand comes, what it wants jumps the
// queue, and what it does not want is withdrawn if its read has not begun.
//
// A guess costs something: a wrong one occupies the disk, pushes an expert out,
// and all take time to make. So an expert is read ahead only where that is
// expected to save more waiting than it costs (package predictor/cost has the
// sum), within a bound of bytes per pass. What came of it is entered in a
// ledger, and a layer that it does not pay for is left in peace for a while.
// Now and then a few passes go without any reading ahead; where those wait
// less, most do from then on.
//
// # Nouns
//
// The Store serves demands (package moe/expert defines Demand, Lease and
// Stream). Its slots lie in arenas of flashio, one for each size of expert. A
// slot is gone (beyond the budget, its pages given back), free, being read,
// held, or failed. Pins keep it: loans, waits and the read itself. One
// read per expert runs however many wait for it. Package offload/policy names
// the victim among the held slots without pins, and package offload/budget
// says how much memory there is. A pass is one way of a batch through all
// layers; the ledger has an account for each layer of what reading ahead brought
// in passes of one token, and the trial compares passes with and without.
//
// Dense holds the weights that every token needs, in anonymous memory: pages of
// a mapping are the first that the kernel takes back when memory is short, and
// a mapped file that is cut off kills the process.
//
// Warm fills free slots before anybody asks, in an order that a profile of
// earlier runs gives; it takes nothing from a demand.
//
// The token cycle is the number of bytes that one token wants in all layers.
// When the cache is smaller, an order of recency evicts every expert just
// before it comes round again and hits nothing at all. The policy knows the
// cycle of layers and keeps a part of the experts instead.
//
// Experts may lie on several disks. A read goes to the one of those that have the
// expert which has least to do; one that fails is taken out of use, and what it was
// to read is read from another or from the model's own file, which has everything.
//
// A prompt wants most experts of a layer at once. Its tokens are grouped by
// expert, so that each expert is read once per layer and chunk, and the next
// layers' reading runs under this one's arithmetic; above the share at which it
// is quicker the predictor names the whole layer, which is then read from end to
// end.
//
// # Caveats
//
// A lease is released exactly once; its weights must not be touched after that.
// Under the build tag invariants a slot is overwritten when its expert is pushed
// out, and a lease that is lost or released twice ends the process with the
// place of its making. A demand that wants more experts than there are slots
// still flows, since leases come as slots are released: a caller must therefore
// release what it has used before it waits for more. A read that fails twice
// fails the demand, by the expert's name; the Store lives on, and the next
// demand tries again.
package offload
