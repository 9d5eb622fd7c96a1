// Package gguf reads, maps and writes GGUF files, the container in which
// llama.cpp and its kin distribute models: typed metadata by key, then tensors
// by name. It knows the container only; what keys and tensors mean is the
// business of package moe.
//
// # Nouns
//
// A File is a parsed header: metadata, and where each Tensor lies. Read makes it
// from any io.ReaderAt. An Image is a File whose bytes are addressable: Open maps
// a file, FromBytes takes one that is in memory. A Value is one metadata value of
// any kind, for code that lists or copies them. A Writer makes a file, streaming
// the tensors.
//
// # Caveats
//
// What Image.Data returns dies with Image.Close; everything else is safe to keep.
// Tensors begin at multiples of the file's alignment from DataOffset, so in a
// mapped file they are aligned in memory too; FromBytes adds nothing to the
// alignment of its argument. Versions 2 and 3, little-endian, are read and
// version 3 is written; arrays of arrays, tensors that share bytes and tensor
// types that package ggml does not know are refused. Split models are separate
// files here, each complete in itself.
//
// # Why a reader of our own
//
// Files come from strangers, and small models are embedded in binaries.
// github.com/gpustack/gguf-parser-go v0.28.1 (Go 1.26, amd64) reads from a path or
// a URL only, not from bytes or an io.ReaderAt. It bounds counts and lengths by
// the file, but a file of 108 bytes with split.tensors.count at 2^40 makes it
// allocate 79 TB, which no recover survives; general.alignment of 0 or of another
// type and overflowing dimensions panic; and tensors that overlap, are
// misaligned, have a zero dimension, appear twice or begin past the end of the
// file are accepted. A vocabulary of 151,669 tokens and their merges (5.9 MB) took
// it 170 to 190 ms mapped, 1.1 to 1.2 s otherwise, 34 MB and 1.67 million
// allocations; Open takes 6 to 9 ms, 14 MB and 95 allocations, and the tokens 2 ms
// and 2 allocations more. On 35 small models and that vocabulary both find the
// same keys, values, offsets and sizes.
package gguf
