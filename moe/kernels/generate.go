package kernels

// The assembly and its declarations are checked in; this writes them anew.
//
//go:generate go generate -C _asm .
