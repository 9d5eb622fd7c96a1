//go:build !amd64 || purego

package kernels

import "moed/moe/ggml"

// Features names the instruction sets that the kernels use.
func Features() string { return "portable" }

// kernelFor is the pair for rows of cols values of type t.
func kernelFor(t ggml.Type, cols int) kernel { return genericKernel(t) }
