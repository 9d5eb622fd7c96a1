package placement

// room is what devices can still take.
type room struct {
	m     *meter
	left  []int64   // [device] bytes
	count [][]int32 // [layer][device] experts held
}

func newRoom(p *Problem, m *meter) *room {
	r := &room{m: m, left: make([]int64, len(p.Devices)), count: make([][]int32, len(p.Layers))}
	for d := range r.left {
		r.left[d] = p.Devices[d].Capacity
	}
	for l := range r.count {
		r.count[l] = make([]int32, len(p.Devices))
	}
	return r
}

func roomOf(p *Problem, m *meter, copies [][]int32) *room {
	r := newRoom(p, m)
	for e, devices := range copies {
		for _, d := range devices {
			r.put(int32(e), d)
		}
	}
	return r
}

func (r *room) fits(e, d int32) bool {
	most := r.m.p.Devices[d].PerLayer
	return r.left[d] >= r.m.size[e] && (most == 0 || int(r.count[r.m.layer[e]][d]) < most)
}

// fitsLayer says that the device, of which nothing of the layer is, takes all of
// it.
func (r *room) fitsLayer(l int, d int32) bool {
	most, bytes := r.m.p.Devices[d].PerLayer, int64(0)
	for _, b := range r.m.p.Layers[l] {
		bytes += b
	}
	return r.left[d] >= bytes && (most == 0 || len(r.m.p.Layers[l]) <= most)
}

func (r *room) put(e, d int32) {
	r.left[d] -= r.m.size[e]
	r.count[r.m.layer[e]][d]++
}

func (r *room) take(e, d int32) {
	r.left[d] += r.m.size[e]
	r.count[r.m.layer[e]][d]--
}

// ok says that the device holds no more than it may.
func (r *room) ok(l, d int32) bool {
	most := r.m.p.Devices[d].PerLayer
	return r.left[d] >= 0 && (most == 0 || int(r.count[l][d]) <= most)
}
