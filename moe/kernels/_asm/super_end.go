package main

// none stands for a register that a kernel has no use for.
const none = -1

// addSuper ends a super-block: acc += D·(d·sum - dmin·offsets), rounded after
// each of the three steps. d and dmin are registers of float16 in each word,
// dmin is none where there are no offsets; those are words in s.extra.
func (g *asm) addSuper(s *super, d, dmin int) {
	g.VCVTPH2PS(xmm(d), ymm(d))
	if dmin != none {
		g.VCVTPH2PS(xmm(dmin), ymm(dmin))
	}
	for v := range s.vectors {
		t, sum := s.tmp[v%2], s.sum+v
		g.VCVTDQ2PS(ymm(sum), ymm(sum))
		g.VMULPS(ymm(d), ymm(sum), ymm(sum))
		if dmin != none {
			g.VPMADDWD(s.x(v, blockSums), ymm(s.extra), ymm(t))
			g.VCVTDQ2PS(ymm(t), ymm(t))
			g.VFNMADD231PS(ymm(dmin), ymm(t), ymm(sum))
		}
		g.VBROADCASTSS(s.x(v, blockD), ymm(t))
		g.VFMADD231PS(ymm(t), ymm(sum), ymm(s.acc+v))
	}
}
