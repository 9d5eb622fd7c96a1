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
			return kernel{one: dotF32x1, four: dotF32x4}
		case ggml.F16:
			return kernel{one: dotF16x1, four: dotF16x4}
		case ggml.BF16:
			return kernel{one: dotBF16x1, four: dotBF16x4}
		case ggml.Q8_0:
			if cols > 0 && cols%256 == 0 {
				return wideQ8_0
			}
			return kernel{one: dotQ8_0x1, four: dotQ8_0x4}
		case ggml.Q4_K:
			return kernel{one: dotQ4_Kx1, two: dotQ4_Kx2, four: dotQ4_Kx4}
		case ggml.Q5_K:
			return kernel{one: dotQ5_Kx1, two: dotQ5_Kx2, four: dotQ5_Kx4}
		case ggml.Q6_K:
			return kernel{one: dotQ6_Kx1, two: dotQ6_Kx2, four: dotQ6_Kx4}
		case ggml.Q4_0:
			return kernel{one: dotQ4_0x1, two: dotQ4_0x2, four: dotQ4_0x4}
		case ggml.Q5_0:
			return kernel{one: dotQ5_0x1, two: dotQ5_0x2, four: dotQ5_0x4}
		case ggml.IQ4_NL:
			return kernel{one: dotIQ4_NLx1, two: dotIQ4_NLx2, four: dotIQ4_NLx4}
		case ggml.MXFP4:
			return kernel{one: dotMXFP4x1, two: dotMXFP4x2, four: dotMXFP4x4}
		case ggml.Q2_K:
			return kernel{one: dotQ2_Kx1, two: dotQ2_Kx2, four: dotQ2_Kx4}
		case ggml.Q3_K:
			return kernel{one: dotQ3_Kx1, two: dotQ3_Kx2, four: dotQ3_Kx4}
		case ggml.IQ4_XS:
			return kernel{one: dotIQ4_XSx1, two: dotIQ4_XSx2, four: dotIQ4_XSx4}
		case ggml.Q4_1:
			return kernel{one: dotQ4_1x1, two: dotQ4_1x2, four: dotQ4_1x4}
		case ggml.Q5_1:
			return kernel{one: dotQ5_1x1, two: dotQ5_1x2, four: dotQ5_1x4}
		}
	}
	return genericKernel(t)
}
