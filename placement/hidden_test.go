package placement

// hidden makes tokens of a model whose experts fall into groups that nobody
// sees: a token's expert of the next layer is of the same group with a
// probability, else any. Groups are of equal size and scattered over numbers;
// within a group transitions are skewed. It also gives the group of each expert.
func hidden(tokens, layers, experts, groups, top int, stay float64, seed uint64) ([][][]uint16, [][]int) {
	rng := newRandom(seed)
	group, member := make([][]int, layers), make([][][]int, layers)
	for l := range group {
		group[l], member[l] = make([]int, experts), make([][]int, groups)
		for k, e := range rng.Perm(experts) {
			g := k * groups / experts
			group[l][e] = g
			member[l][g] = append(member[l][g], e)
		}
	}
	out := make([][][]uint16, tokens)
	for t := range out {
		out[t] = make([][]uint16, layers)
		g := rng.IntN(groups)
		for l := range layers {
			seen := map[int]bool{}
			for len(seen) < top {
				from := g
				if rng.Float64() >= stay {
					from = rng.IntN(groups)
				}
				m := member[l][from]
				e := m[min(rng.IntN(len(m)), rng.IntN(len(m)))]
				if !seen[e] {
					seen[e] = true
					out[t][l] = append(out[t][l], uint16(e))
				}
			}
			g = group[l][out[t][l][0]]
		}
	}
	return out, group
}

// equal is so many equal devices, each the memory of a host, that hold an equal
// part of each layer.
func equal(n, perLayer int, capacity int64) []Device {
	out := make([]Device, n)
	for d := range out {
		name := string(rune('a' + d))
		out[d] = Device{Name: name, Host: name, Capacity: capacity, PerLayer: perLayer, Rate: 10e9}
	}
	return out
}
