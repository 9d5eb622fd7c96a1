// Package predictor estimates which experts are wanted next, for reading ahead
// and for the choice of victims in a cache. Its first part, Gate, is written;
// the rest of this text is the design of what follows. It is pure: no input or
// output, no clock, no goroutine; it is told what was routed and answers.
//
// # What
//
// Two uses differ in what they need. Eviction compares the experts that are
// held: which will be wanted latest? Prefetch asks about those that are not:
// is this one wanted so likely and so soon that reading it now saves more
// waiting than it costs the reads that are certain? A guess is worth its bytes
// only where the disk has time to spare, so a ledger of waiting saved and bytes
// wasted turns prefetch off where it loses.
//
// # Nouns
//
// A Predictor observes the routing of each layer and token and gives a Guess, an
// expert with its probability of use within the next h layers. There are four
// sources. The gate applies the next layers' routers to this layer's hidden
// state, normalised as those routers would see it; it names most of the next
// layer's experts and loses a few in a hundred with each layer more. The
// transition counts pairs of experts of adjacent layers (the affinity of
// ExFlow, Yao et al. 2024, arXiv 2401.08383). The path knows the token and the
// recent experts before the first layer runs, from a small model trained on
// recorded traces (after the routing path predictor of ExpertFlow, He et al.
// 2024, arXiv 2410.17954). Frequency and recency are moving averages, fast and
// slow, and they count the probabilities of the experts that a router did not
// choose as well.
//
// The Mixer weighs the sources by their recent success into one probability,
// which is calibrated: of the guesses at 0.7, seven in ten come true. A Trace
// is a recorded run, the ground on which predictors and policies are judged
// offline: recall, calibration and hit ratio, against mere popularity and
// against the same trace shuffled.
//
// The cost model, in one place, turns shapes, a device's calibration and hit
// ratios into seconds per token. The planner, the prefetcher and the choice of
// a prompt's chunk use that one.
//
// # Caveats
//
// Predictions never change a result, only when bytes are read; any predictor,
// also a wrong one, gives the same text. What it observes is private to the
// model's process: profiles that are kept hold counts of experts, and neither
// tokens nor texts.
package predictor
