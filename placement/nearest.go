package placement

import "slices"

// nearest renames devices that are alike so that the fewest bytes have to be
// copied from another plan. The plan costs what it did.
func nearest(p *Problem, a, from Assignment) Assignment {
	same := alike(p, newNetwork(p))
	cost := square(len(p.Devices)) // [device][what it is to be called], less bytes in place
	for d := range cost {
		for to := range cost[d] {
			if same[d] != same[to] {
				cost[d][to] = never * 1024
			}
		}
	}
	for l := range a {
		for i := range a[l] {
			for _, d := range a[l][i] {
				for _, to := range from[l][i] {
					cost[d][to] -= p.Layers[l][i]
				}
			}
		}
	}
	quota, name := make([]int, len(p.Devices)), make([]int32, len(p.Devices))
	for d := range quota {
		quota[d], name[d] = 1, int32(d)
	}
	transport(cost, quota, name)
	out := a.Clone()
	for l := range out {
		for i := range out[l] {
			for k, d := range out[l][i] {
				out[l][i][k] = int(name[d])
			}
			slices.Sort(out[l][i])
		}
	}
	return out
}
