// Package sample turns logits into the next token, and knows when a text has
// come to a stop string. It computes on plain slices and imports nothing of
// ours.
//
// # Nouns
//
// Options say how to choose; the zero value is greedy. A Sampler is one
// generation's choice: it keeps the random state and the recent tokens that
// the penalties look at. A Candidate is a token id with its logit. Stops
// watches text as it is made and holds back what may become a stop string.
//
// One choice goes: logit bias and penalties, then top-k, top-p and min-p, each
// on the distribution at temperature 1, then the temperature, then one draw.
// The temperature comes last so that a high one spreads the choice among
// likely tokens without letting the tail back in. It is llama.cpp's order.
//
// # Caveats
//
// The random numbers are PCG-DXSM, as in math/rand/v2, one per drawn token,
// and every sum runs in one order; the same logits, options and seed give the
// same tokens in the same build, whatever the number of threads. Ties go to
// the lowest id. A NaN or +Inf among the logits is an error, never a token.
// A Sampler serves one goroutine; after its first token it does not allocate.
package sample
