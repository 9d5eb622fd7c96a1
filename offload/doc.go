// Package offload will keep the experts of a model in a bounded part of RAM and
// fetch the others from flash when a layer wants them. It is not written yet;
// this is its design. To the forward pass it is one more source of experts,
// beside the one that has them all resident: the same demands, the same leases,
// the same bits.
//
// # What
//
// A Mixture-of-Experts model touches few of its experts for a token and comes
// back to many of those soon. A cache of a third of them serves nine wants in
// ten; the rest is read while the arithmetic of those at hand goes on. Hits are
// handed out first, misses as they arrive, and the caller sums the outputs in
// the order of the router's slots, so that timing never changes a result.
//
// # Nouns
//
// The Store serves demands (package moe/expert defines Demand, Lease and
// Stream). Its slots lie in one arena of flashio, each as large as the largest
// expert. A slot is free, being read, held, or leased; a lease pins it. One
// read per expert runs however many wait for it. The Policy names the victim
// among the slots that are held: a pure function of a snapshot, so that policies
// are replayed offline against recorded traces and compared with Belady's.
//
// The Budget is one number that covers dense weights, experts, key-value cache,
// scratch, the Go heap and the pages that reading causes. By default it is what
// the control groups above the process and the machine's available memory
// leave, less a reserve. It can be changed while a text is being made, both
// ways; growth of the key-value cache is admitted against it, and pressure
// reported by the kernel shrinks the cache in steps.
//
// The token cycle is the number of bytes that one token wants in all layers.
// When the cache is smaller, an order of recency evicts every expert just
// before it comes round again and hits nothing at all. The Store must notice
// and keep a part of the experts fixed instead.
//
// A prompt wants nearly all experts of a layer at once. Its tokens are grouped
// by expert, so that each expert is read once per layer and chunk; above a
// share that is measured, the layer is read from end to end in place of one
// expert at a time, and the next layer's reading runs under this one's
// arithmetic.
//
// # Caveats
//
// A lease is released exactly once; its weights must not be touched after that.
// Under the build tag invariants a released slot is overwritten when it becomes
// a victim, and a lease that is lost or released twice ends the process with
// the place of its making. A demand that wants more experts than there are
// slots still flows, since leases come as slots are released: a caller must
// therefore release what it has used before it waits for more. A read that
// fails twice fails the demand, by the expert's name; the Store lives on.
package offload
