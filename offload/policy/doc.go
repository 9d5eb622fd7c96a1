// Package policy says which expert a cache should give up: the one whose next
// use is farthest. It is arithmetic on what was wanted, without I/O, clock or
// goroutine, so that the victims of a run can be replayed from its trace.
//
// # What
//
// A model visits its layers in turn, and each visit wants a few of that layer's
// experts. An order of recency is blind to the turn: in a cache smaller than
// what one token wants it gives up every expert just before its layer comes
// round, and hits nothing. The recommended policy, cycle, adds the visits until
// the layer's turn to the turns that are likely to pass the expert by. It takes
// that likelihood from moving averages and from what follows what, and learns
// how far to trust each. lru, lfu, layered-lfu and least-stale are there to
// compare with; testdata/recorded.txt and made.txt are what each hits.
//
// # Nouns
//
// A Policy is told of every Visit and gives a Distance for any expert; Victim
// picks from a snapshot of what may go. A Step is a visit as a trace has it.
// Replay serves Steps from an imagined Cache under a Policy, Belady does with
// the future known, which bounds them all; both give a Result in Tallies.
//
// Of the recommended policy's parts, the blend weighs estimates against each
// other and the succession counts what follows what.
//
// # Caveats
//
// A Policy is used by one goroutine at a time. Visit comes before the victims of
// the same demand. The policy takes for granted that layers come in ascending
// order and round again; another order costs hits, nothing else. Visits of a
// batch of several tokens, as in a prompt, teach cycle how often experts are
// used but not what follows what. It holds about 36 bytes per expert and, up to
// 64 MiB, one per pair of experts of a layer: 1 MB for 48 layers of 128, 14 MB
// for 48 of 512.
//
// Belady's bound is exact for equal sizes; where layers differ in size it may be
// missed by a little. It knows no bypass, and neither does Replay.
package policy
