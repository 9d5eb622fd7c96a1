//go:build amd64 && !purego

package kernels

import (
	"golang.org/x/sys/cpu"

	"moed/moe/ggml"
)

//go:generate go run -C _asm . -dir ..

// hasAVX2 reports the three instruction sets that the assembly is made of.
// Every processor with the first has the others, but hypervisors can hide one.
var hasAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C

// Features names the instruction sets that the kernels use.
func Features() string {
	if hasAVX2 {
		return "avx2+fma+f16c"
	}
	return "portable"
}

// kernelFor is the pair for rows of cols values of type t.
func kernelFor(t ggml.Type, cols int) kernel {
	if hasAVX2 {
		switch t {
		case ggml.F32:
			return kernel{dotF32x1, dotF32x4}
		case ggml.F16:
			return kernel{dotF16x1, dotF16x4}
		case ggml.BF16:
			return kernel{dotBF16x1, dotBF16x4}
		case ggml.Q8_0:
			return kernel{dotQ8_0x1, dotQ8_0x4}
		case ggml.Q4_K:
			return kernel{dotQ4_Kx1, dotQ4_Kx4}
		case ggml.Q5_K:
			return kernel{dotQ5_Kx1, dotQ5_Kx4}
		case ggml.Q6_K:
			return kernel{dotQ6_Kx1, dotQ6_Kx4}
		case ggml.Q4_0:
			return kernel{dotQ4_0x1, dotQ4_0x4}
		case ggml.Q5_0:
			return kernel{dotQ5_0x1, dotQ5_0x4}
		case ggml.IQ4_NL:
			return kernel{dotIQ4_NLx1, dotIQ4_NLx4}
		case ggml.MXFP4:
			return kernel{dotMXFP4x1, dotMXFP4x4}
		case ggml.Q2_K:
			return kernel{dotQ2_Kx1, dotQ2_Kx4}
		case ggml.Q3_K:
			return kernel{dotQ3_Kx1, dotQ3_Kx4}
		case ggml.IQ4_XS:
			return kernel{dotIQ4_XSx1, dotIQ4_XSx4}
		case ggml.Q4_1:
			return kernel{dotQ4_1x1, dotQ4_1x4}
		case ggml.Q5_1:
			return kernel{dotQ5_1x1, dotQ5_1x4}
		}
	}
	return genericKernel(t)
}
