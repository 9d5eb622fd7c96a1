// Package grammar constrains the choice of tokens so that an answer is JSON, and
// JSON of a schema if one is given. It imports nothing of ours.
//
// # What
//
// A schema is compiled to a graph of nodes. While a text is made, the places
// where it may stand are frames on stacks, one stack for each reading that is
// still possible; a byte moves them on. Sets of frames are remembered with what
// follows them, so that a known place costs one look-up for a byte, and a walk of
// the vocabulary's byte trie tells which tokens are allowed.
//
// # Nouns
//
// A Grammar is what JSON or Schema make; it does not change and may be shared. An
// Index is a vocabulary as a trie, made once for a model and shared too. A Matcher
// follows one text, for one goroutine.
//
// # Caveats
//
// No place is a dead end: from each, some continuation is a whole value. (Whether
// the vocabulary can spell it is another matter: one with all bytes can.)
//
// A Mask computes for a few tenths of a second at most: of a schema that is made to
// take longer it may leave out tokens that Allows allows, never all.
//
// The language is narrower than the schema's where a model would gain nothing from
// more. White space is at most one blank before the text, a line end and 19 blanks
// between its parts, and none behind it. Numbers have at most 19 digits before the
// point, 17 behind it and 2 of an exponent; those with bounds at most 12 and 6 and
// no exponent. Values of enum and const are written in one way, and what may be any
// value nests 24 deep. Objects that list properties have no others, unless
// additionalProperties allows them; properties come in any order.
//
// Names of additional properties are not checked for occurring twice. oneOf is
// taken as anyOf. format is ignored. Keywords that are not known at all are ignored
// as JSON Schema wants it; those that are known to change the meaning and are not
// supported are an error.
package grammar
