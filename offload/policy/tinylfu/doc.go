// Package tinylfu replays a trace through a TinyLFU cache that is in wide use,
// to have its hit ratio beside those of the policies.
//
// # What
//
// The cache is ristretto: new entries are admitted only if a sketch of counters
// holds them wanted more often than the least wanted of five sampled victims. It
// was made for keys that come at random; layers that come in turn are not that.
// It chooses for no store, it is here to compare with.
//
// # Nouns
//
// Replay serves policy.Steps from a policy.Cache and gives a policy.Result.
//
// # Caveats
//
// Two replays differ a little: the sketch is seeded by the time, victims are
// sampled in the order of a map, and wants reach the counters in batches of 64,
// by another goroutine, which may be late, drop some or lose some to a garbage
// collection. An expert that is not admitted has been read and is not kept,
// while every other policy keeps what it reads for a while; so its hits may in
// principle pass a bound that knows no such bypass.
package tinylfu
