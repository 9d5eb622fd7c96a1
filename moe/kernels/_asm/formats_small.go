package main

// levelsIQ4 are the levels of IQ4_NL and IQ4_XS.
var levelsIQ4 = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// levelsMXFP4 are twice those of the 4-bit floats of MXFP4, to be integers.
var levelsMXFP4 = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// smallFormats are the low-bit formats. The levels of IQ4_NL are too far apart
// for an offset: a pair of products would not fit 16 bits.
func smallFormats() []format {
	return []format{
		{"dot_q4_0", dot32(block32{name: "Q4_0", size: 18, q: 2, offset: 8})},
		{"dot_q4_1", dot32(block32{name: "Q4_1", size: 20, min: 2, q: 4})},
		{"dot_q5_0", dot32(block32{name: "Q5_0", size: 22, high: 2, q: 6, offset: 16})},
		{"dot_q5_1", dot32(block32{name: "Q5_1", size: 24, min: 2, high: 4, q: 8})},
		{"dot_iq4_nl", dot32(block32{name: "IQ4_NL", size: 18, q: 2, levels: &levelsIQ4, signed: true})},
		{"dot_mxfp4", dot32(block32{name: "MXFP4", size: 17, q: 1, power: true, levels: &levelsMXFP4, offset: 12})},
		{"dot_q2_k", q2_k},
		{"dot_q3_k", q3_k},
		{"dot_iq4_xs", iq4_xs},
	}
}
