// Package path foretells which experts every layer will choose for a token,
// before the first layer runs, from the token, the tokens before it and what the
// layers chose for those. ExpertFlow (He et al. 2024, arXiv 2410.17954) calls
// that routing path prediction and uses a transformer for it; here it is a model
// of one hidden layer, small enough to be trained on a CPU from a recorded trace
// and to be asked for each token.
//
// # What
//
// With A and B tables of a vector per token, C a vector per expert and layer,
// and t the number of the token at hand:
//
//	h = max(0, a + A[t] + Σj gj·B[t-j] + mean of C over what the layers chose for t-1)
//	p = σ(b + V·h + u·(chosen for t-1) + w·(how often lately)), for each layer and expert
//
// The products with g, u and w are by element. Lately is a moving average over
// the tokens before. Tokens that the training saw less than twice share one row
// of A and of B, which so learns what can be said of rare tokens.
//
// Training minimises the binary cross entropy by Adam (Kingma and Ba 2014, arXiv
// 1412.6980). Part of the trace is held out to tell when to stop, and another
// part to judge the result. The order of every sum is fixed, so that a training
// repeats to the bit on the same kind of processor, whatever the number of
// threads.
//
// # Nouns
//
// A Text is what training learns from. A Model is what it makes, an Identity
// says for which language model, and a Session follows one text with it. A
// Verdict says how much of the held-out choices a Model names, beside simpler
// guesses.
//
// # Caveats
//
// A Model knows the routing of the texts that it was trained on; other texts are
// foretold worse. It learns a few thousand tokens' routing at least, or nothing.
//
// The file holds no text, but its table names the tokens that the trace had: who
// reads it learns which words were there, not their order.
package path
