// Package prefix keeps what a model has computed of prompts, so that one that
// begins like an earlier prompt of the same caller need not be read again.
//
// # What
//
// A Cache holds states, each the keys and values of some tokens, within a number
// of bytes. Longest finds the one that has the most first tokens in common with
// a prompt. What is kept when there is too much is decided by ristretto, which
// goes by how often a state has been of use, counted in bytes; what goes when
// memory is wanted at once, by Shrink, is what was used longest ago.
//
// A Spill writes states to files of a directory and reads them again, for models
// that are unloaded. A file that is damaged, cut off or of another model is
// removed and counted, and never an error.
//
// # Nouns
//
// A State is memory of somebody else's making, which the Cache owns and closes
// exactly once. An Owner is who may find it: owners never see each other's
// states, nor by the time that a look takes whether there are any.
//
// # Caveats
//
// A state that has been put may be closed before Put returns: where it is
// contained in another, where there is no room for it, where it is not worth
// that of others.
//
// States are closed on the goroutine of whoever has them closed, or on one of
// ristretto's, never while a lock of the Cache is held. Bytes are counted as the
// states say; where two share memory, closing one gives back less.
//
// Spilled files hold the tokens of prompts, and whoever may read them can read
// the prompts. Spill makes its directory and files readable for their owner
// alone, and nothing is written anywhere else.
package prefix
