// Package tokenizer turns text into token ids and back, from the vocabulary that
// a GGUF carries. It knows byte-level BPE with the pre-tokenizers of the models
// that llama.cpp runs, and the BPE of SentencePiece.
//
// # Nouns
//
// A Vocab is the vocabulary as plain data; New checks and indexes it. A Tokenizer
// encodes and decodes; it does not change after New and may be shared between
// goroutines. A Stream decodes tokens one by one as a model emits them and never
// returns half a character.
//
// # Caveats
//
// The same text gives the same tokens whatever else was encoded before or at the
// same time. Text is taken as it comes: no Unicode normalisation, and bytes that
// are no UTF-8 are kept by byte-level vocabularies. Decode and Stream return valid
// UTF-8: one U+FFFD for each byte that is none. Bytes is exact.
//
// Text never becomes a control token unless Options.ParseSpecial asks for it,
// even where merges would spell one. User-defined tokens are always found in text;
// at each place the longest token wins, and the leftmost place first. Special
// tokens of more than 256 bytes are not looked for.
//
// Where the regular expression that a model was trained with differs from the
// approximation that llama.cpp uses for it (gpt-4o, tekken, kimi-k2, afmoe), the
// model's own is used: they differ on upper and lower case outside of ASCII, and on
// where two Asian scripts meet.
package tokenizer
