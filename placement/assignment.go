package placement

import (
	"fmt"
	"slices"
)

// Assignment is a plan: for each layer and expert the devices with a copy,
// numbers into Problem.Devices, ascending.
type Assignment [][][]int

// Check reports a plan that does not fit the problem: experts without a device,
// unknown devices, too many copies, or a device with more than it can hold.
func (a Assignment) Check(p *Problem) error {
	if len(a) != len(p.Layers) {
		return fmt.Errorf("found a plan of %d layers, want %d", len(a), len(p.Layers))
	}
	used := make([]int64, len(p.Devices))
	for l, experts := range a {
		if len(experts) != len(p.Layers[l]) {
			return fmt.Errorf("layer %d: found %d experts, want %d", l, len(experts), len(p.Layers[l]))
		}
		count := make([]int, len(p.Devices))
		for i, devices := range experts {
			if len(devices) == 0 || len(devices) > p.copies() {
				return fmt.Errorf("expert %d/%d: found %d copies, want 1 to %d", l, i, len(devices), p.copies())
			}
			for k, d := range devices {
				if d < 0 || d >= len(p.Devices) {
					return fmt.Errorf("expert %d/%d: found device %d of %d", l, i, d, len(p.Devices))
				}
				if k > 0 && devices[k-1] >= d {
					return fmt.Errorf("expert %d/%d: devices %v do not ascend", l, i, devices)
				}
				used[d] += p.Layers[l][i]
				count[d]++
			}
		}
		for d, n := range count {
			if most := p.Devices[d].PerLayer; most > 0 && n > most {
				return fmt.Errorf("device %q: holds %d experts of layer %d, may hold %d", p.Devices[d].Name, n, l, most)
			}
		}
	}
	for d, n := range used {
		if n > p.Devices[d].Capacity {
			return fmt.Errorf("device %q: holds %d bytes, has room for %d", p.Devices[d].Name, n, p.Devices[d].Capacity)
		}
	}
	return nil
}

// Moved is how many bytes must be copied to turn the plan from into a. Copies
// that are dropped cost nothing.
func (a Assignment) Moved(p *Problem, from Assignment) int64 {
	n := int64(0)
	for l := range a {
		for i, devices := range a[l] {
			for _, d := range devices {
				if l >= len(from) || i >= len(from[l]) || !slices.Contains(from[l][i], d) {
					n += p.Layers[l][i]
				}
			}
		}
	}
	return n
}

// Clone is a copy that shares nothing.
func (a Assignment) Clone() Assignment {
	out := make(Assignment, len(a))
	for l := range a {
		out[l] = make([][]int, len(a[l]))
		for i := range a[l] {
			out[l][i] = slices.Clone(a[l][i])
		}
	}
	return out
}
