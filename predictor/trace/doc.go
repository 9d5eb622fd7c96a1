// Package trace keeps the routing of a run: which experts every layer chose for
// every token, how much each counted and what the router thought of the others.
// It is the ground on which predictors and policies are judged and trained.
//
// # What
//
// There are two forms of file, and Read knows which one it has. The binary one
// is compact and keeps everything. The other is CSV as published by others
// under the name route_trace v1, for tools that know no better; it keeps no
// probabilities of experts that were not chosen.
//
// Binary, all integers unsigned varints (encoding/binary) unless said
// otherwise: eight bytes of magic, then records, each its length, its payload
// and the CRC-32C of the payload in four bytes, little endian. The first byte of
// a payload is its kind.
//
//	header  'h'  model and architecture, each its length and its bytes; top-k;
//	             number of layers; of each layer its experts, the bytes of one
//	             of them, and its dense bytes
//	visit   'v'  flags; turn; layer; tokens; then, unless they are those of the
//	             visit before, positions (each the signed distance from the one
//	             before plus one) and ids; then the choices, weights and
//	             probabilities
//	end     'e'  number of visits
//
// A choice takes one byte, or two where the layer has more than 256 experts. A
// weight or a probability takes one byte on a scale of logarithms: 0 is 0, and c
// is 2^((c-216)/12). From 4·10⁻⁶ to 9.5 that is within 3 % of the number; what is
// smaller becomes 0. Where a weight is negative or larger, all of that visit are
// written as they are, in four bytes each; so is everything if the Writer is
// told to be exact, which a policy that weighs probabilities needs to be replayed
// to the last victim.
//
// # Nouns
//
// A Trace is the shape of a model and its Visits: a Visit is one layer that
// serves one batch of tokens. A Writer writes visits as they happen.
//
// # Caveats
//
// A trace names the tokens of a text, so it is as private as the text. Who
// writes one to a file lets only its owner read it.
//
// A file that was cut off, by a full disk or a killed process, is read up to
// its last whole record, and Trace.Note says so. Anything else that is wrong is
// an error. A file cannot ask for more memory than some forty times its size.
package trace
