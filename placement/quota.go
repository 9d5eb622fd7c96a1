package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// shares divides one among devices in proportion to wants, no device more than
// its part of the bytes that it can hold.
func shares(p *Problem, wants []float64) []float64 {
	total := float64(max(1, p.bytes()))
	out, full := make([]float64, len(wants)), make([]bool, len(wants))
	for range wants {
		left, sum := 1.0, 0.0
		for d, w := range wants {
			if full[d] {
				left -= out[d]
			} else {
				sum += w
			}
		}
		again := false
		for d, w := range wants {
			if full[d] || sum <= 0 {
				continue
			}
			out[d] = left * w / sum
			if most := float64(p.Devices[d].Capacity) / total; out[d] > most {
				out[d], full[d], again = most, true, true
			}
		}
		if !again {
			break
		}
	}
	return out
}

// quotas is how many experts of each layer go on each device, so that shares
// come out over all layers and capacities hold for experts of the layer's
// largest size.
func quotas(p *Problem, share []float64) ([][]int, error) {
	left, owed := make([]int64, len(p.Devices)), make([]float64, len(p.Devices))
	for d := range left {
		left[d] = p.Devices[d].Capacity
	}
	out := make([][]int, len(p.Layers))
	for l, sizes := range p.Layers {
		out[l] = make([]int, len(p.Devices))
		if len(sizes) == 0 {
			continue
		}
		size := slices.Max(sizes)
		for d := range owed {
			owed[d] += float64(share[d] * float64(len(sizes))) // rounded alike on processors that fuse
		}
		for range sizes {
			best := -1
			for d := range owed {
				most := p.Devices[d].PerLayer
				if left[d] >= size && (most == 0 || out[l][d] < most) && (best < 0 || owed[d] > owed[best]+1e-9) {
					best = d
				}
			}
			if best < 0 {
				return nil, fmt.Errorf("%w: layer %d", ErrNoRoom, l)
			}
			out[l][best]++
			owed[best]--
			left[best] -= size
		}
	}
	return out, nil
}

// bySpeed is how many experts a device serves while others serve theirs.
func bySpeed(p *Problem) []float64 {
	mean := p.bytes() / int64(max(1, p.experts()))
	out := make([]float64, len(p.Devices))
	for d := range out {
		out[d] = 1e9 / float64(max(1, p.Devices[d].serves(mean)))
	}
	return out
}

// byRoom is what devices can hold.
func byRoom(p *Problem) []float64 {
	out := make([]float64, len(p.Devices))
	for d := range out {
		out[d] = float64(min(p.Devices[d].Capacity, p.bytes()))
	}
	return out
}

func (p *Problem) experts() int {
	n := 0
	for _, sizes := range p.Layers {
		n += len(sizes)
	}
	return n
}

// firstFit places experts, the largest first, each on the device with most room.
func firstFit(p *Problem, m *meter) ([][]int32, error) {
	order := make([]int32, len(m.size))
	for e := range order {
		order[e] = int32(e)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(m.size[b], m.size[a]) })
	r := newRoom(p, m)
	copies := make([][]int32, len(m.size))
	for _, e := range order {
		best := -1
		for d := range p.Devices {
			if r.fits(e, int32(d)) && (best < 0 || r.left[d] > r.left[best]) {
				best = d
			}
		}
		if best < 0 {
			return nil, fmt.Errorf("%w: expert %d of layer %d", ErrNoRoom, int(e)-m.base[m.layer[e]], m.layer[e])
		}
		copies[e] = []int32{int32(best)}
		r.put(e, int32(best))
	}
	return copies, nil
}
