// Package stories is the default model: a small, trained Mixture-of-Experts
// decoder that continues children's stories, as the bytes of a GGUF file in
// the binary. README.md beside it says how it was made and under which terms
// it may be used.
//
// # Caveats
//
// It is there so that a fresh binary runs, and as a test's model whose routing
// is learned. It knows no facts and no chat template.
package stories

import (
	_ "embed"
	"unsafe"
)

// Name is what the model calls itself.
const Name = "stories-moe-5m"

// A string, since those lie in read-only pages that are shared between
// processes and loaded when touched.
//
//go:embed stories-moe-5m-q8_0.gguf
var file string

// GGUF is the file. It must not be written to: its pages are read-only, and a
// write ends the process. Its address has no particular alignment.
func GGUF() []byte { return unsafe.Slice(unsafe.StringData(file), len(file)) }
