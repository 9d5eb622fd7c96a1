// Package cost turns sizes, measured rates and hit ratios into seconds. It is the
// only cost model: what moed plan tells, whether a guess is worth reading and how
// long a prompt's chunks are come from here.
//
// # What
//
// A device is a latency, the rate of one stream and the rate of all. A processor
// is, for each type of weight, a rate of bytes from memory and one of
// multiply-adds; the larger of the two times is an operation's. A token or a
// prompt's chunk is arithmetic with reading beside it, which is hidden in part
// and slows the arithmetic. How much is read follows from how many experts are
// wanted and how many of them are held.
//
// # Nouns
//
// Flash is a device, made from Points that were measured of it; its Worth is the
// net benefit of a guess. Rate is a processor, and Product what it does. A Step
// is a token or a chunk with its reads; Reads say how much those burden the
// processor. A Prompt is a sequence of chunks. A Curve is the hit ratio by the
// size of the cache, a Cover how many experts a batch wants; Experts chooses
// between lengths of chunk with the typical ones.
//
// # Caveats
//
// All is plain numbers and pure. What a caller estimates may be out of range or
// no number; results are finite nevertheless, unless a rate is left out, which
// counts as infinite. The model is no better than Margin, to which it is held by
// the runs in testdata/bench/offload.csv. It knows nothing of what else the
// machine does, nor of what a processor saves by its caches, so that it is of no
// use for models of a few megabytes.
package cost
