package main

// wideFormats are the formats of most weights, the floats and the vector
// operations.
func wideFormats() []format {
	return []format{
		{"dot_q8_0", q8_0},
		{"panel_q8_0", panelQ8_0},
		{"dot_q8_0_wide", q8_0WideXs},
		{"dot_q4_k", q4_k},
		{"dot_q5_k", q5_k},
		{"dot_q6_k", q6_k},
		{"dot_float", float},
		{"vec_ops", vec},
		{"vec_cache", cache},
		{"vec_quantize", quantize},
		{"vec_rope", rope},
	}
}
