// Package placement will decide on which device each expert lives when a model
// is spread over several disks or several hosts. It is not written yet; this is
// its design. It is pure and imports nothing of ours: a problem in plain
// numbers goes in, an assignment and a bound on how much better one could be
// come out.
//
// # What
//
// Let x[e,d] say that expert e has a copy on device d. Every expert has at least
// one copy; the bytes on a device do not exceed its capacity. The cost to be
// made small is the expected time of a token: for each layer the slowest
// device's time to serve its share of the layer's experts, plus the messages
// between hosts. Two facts from recorded traces enter. Experts of adjacent
// layers that are often used by the same token belong on one host, so that one
// token asks few hosts (the affinity of ExFlow, Yao et al. 2024, arXiv
// 2401.08383, which places on equal GPUs and counts hops). Experts of one layer
// that are used together belong on different disks of one host, so that they
// are read at the same time.
//
// # Nouns
//
// A Problem has Devices (capacity in bytes, speed), links between them with
// their costs, Experts (bytes, how often used) and the affinities. An
// Assignment lists the devices of each expert. Devices form levels, site, host
// and disk, which are solved one after the other, and jointly where that is
// small enough.
//
// The solver alternates: given its neighbours, one layer is a transportation
// problem, which is solved exactly; layers are revisited until nothing changes,
// the result is disturbed and tried again, and pairs are swapped on the true
// cost. A search that gives the whole integer program to a general solver finds
// less in more time, because devices are interchangeable and the relaxation
// splits every expert evenly. The program can still be written out for such a
// solver, started from our assignment. The Bound is of a kind that is said with
// it, and the gap is reported as it is, also where it is wide.
//
// # Caveats
//
// Work is bounded in steps and not in seconds, so that the same problem gives
// the same assignment everywhere. A new plan for a running system counts the
// bytes that it moves, and may be worth less than staying. Traces of one kind of
// text may mislead for another; a plan is judged on text that it was not made
// from.
package placement
