// Package moe runs a Mixture-of-Experts language model: from a GGUF file and
// tokens to logits. Open binds and checks every tensor of the file; a Session
// is one timeline of tokens with its KV cache; Forward takes a batch of tokens
// of several sessions through the model.
//
// The file to read first is forward.go, which follows the papers: embedding,
// then in each layer attention (attention.go, mla.go for the latent kind) and
// experts (router.go, ffn.go), then the output. What sets one architecture
// apart is a line in arch.go and the tensors its file has.
//
// # Nouns
//
//   - Model: an open file with its hyperparameters (Config), weights, tokenizer
//     and chat template. It does not change after Open.
//   - Session: the tokens consumed so far and their keys and values, in blocks
//     of 64 positions of anonymous memory. It can be rewound, and reused for a
//     prompt that begins alike.
//   - Token: one position of a batch.
//   - Chunk: a part of a prompt that goes a few layers at a time, so that other
//     sessions' tokens need not wait for all of them.
//   - Prefix: the keys and values of a prompt's beginning, kept after its session
//     and shared by those that begin alike.
//   - Experts: where a layer gets its experts from. They all lie in the image
//     (resident), or a store reads them when they are wanted (package offload).
//   - Worker, Stage: parts of a model without the rest, for forward passes of
//     other hosts: experts alone, or whole layers. Stages is the other side: who
//     runs layers for this one.
//   - Footprint: what a model would hold in memory, told from its header.
//   - runner: the scratch memory of a forward pass, all of it allocated by Open,
//     so that a decode step allocates nothing.
//
// # Batch invariance
//
// The bits of a token's logits are a function of its session's tokens, the
// weights, the KV type and the build. They do not depend on what else is in
// the batch, on how a prompt was cut into chunks, on threads, or on the order
// in which experts arrive: every sum has one order (package kernels), attention
// runs over positions in ascending order, and the outputs of experts are kept
// apart and summed in the router's order. Caches and stores may change the time
// only, and so may hosts that run a part. TestInvariance holds this for every architecture and type.
//
// # Agreement with llama.cpp
//
// Activations are rounded as llama.cpp rounds them for each weight type, so
// that logits agree to about 1e-5 until a rounding flips; testdata/golden has
// the vectors and the tolerance.
//
// # Caveats
//
// Open maps the file: one that is truncated while its model is open ends the
// process. New takes an image that was read instead. Forward passes of one model
// run one at a time. Slices of logits that Session returns are valid until the
// session's next call.
package moe
