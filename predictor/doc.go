// Package predictor estimates which experts are wanted next, for reading ahead
// and for the choice of victims in a cache. It is pure: no input or output, no
// clock, no goroutine; it is told what was routed and answers.
//
// # What
//
// Two uses differ in what they need. Eviction compares the experts that are
// held: which will be wanted latest? Prefetch asks about those that are not:
// is this one wanted so likely and so soon that reading it now saves more
// waiting than it costs the reads that are certain? Both want one number, the
// probability that a layer's next visit wants an expert, and it has to be right:
// of what is said with 0.7, seven in ten come true.
//
// Five sources know something. The gate applies a later layer's router to this
// layer's hidden state, to which it adds what the layers between add on the
// average. The token was routed at other times. The transition counts pairs of
// experts of two layers (the affinity of ExFlow, Yao et al. 2024, arXiv
// 2401.08383). Usage has moving averages, fast and slow, of what was chosen, and
// of the router's probabilities also where it did not choose. A path, where one
// was trained, knows the text before (package predictor/path).
//
// # Nouns
//
// A Predictor observes demands and gives Guesses, an expert with its probability
// each. Its mixers weigh the sources, one for each distance in layers and for
// each set of sources that are there: logistic regression, with weights for all
// layers and a correction for each, learned from every outcome. A curve then
// makes probabilities right by what came of earlier ones. Batches are sampled,
// and what their tokens want is united.
//
// A Judge tells how a Predictor does: recall of the mixer and of each source,
// the same held against another token, and reliability, by layer and distance.
//
// Beside it, package trace is the form of recorded runs, profile keeps how often
// experts were used, and cost turns hit ratios and a device's speed into seconds
// per token: the planner, prefetch and prompts use that one model.
//
// # Caveats
//
// Predictions never change a result, only when bytes are read; any predictor,
// also a wrong one, gives the same text. What it observes stays in the process.
// It learns from the first token on, and is worst at first: texts of a new kind
// are foretold as those before until it has seen some.
//
// A Predictor takes a third of the bytes that routers take in 16 bits (half,
// where they are small), up to 32 MiB of counts, and the states of some tokens
// for each layer. A guess takes as long as the copy of a router takes to come
// from memory.
package predictor
