package placement

// pairwise is the program with the expectation taken apart into pairs: what an
// expert costs on a device, what two of adjacent layers cost on two devices,
// and two of one layer. With the other layers as they are, and without pairs
// within the layer, one layer is a transportation problem.
type pairwise struct {
	m     *meter
	quota [][]int   // [layer][device]
	load  [][]int64 // [expert][device]; nil: nothing
	far   [][]int64 // [device][device] per pair of adjacent layers
	near  [][]int64 // [device][device] per pair within a layer; nil: nothing

	next, prev, with [][]pair // [expert] neighbours, as to
}

// locality is the program that counts pairs of adjacent layers on different
// devices and nothing else: hops.
func locality(m *meter, quota [][]int) *pairwise {
	q := &pairwise{m: m, quota: quota, far: square(len(m.p.Devices))}
	for a := range q.far {
		for b := range q.far[a] {
			if a != b {
				q.far[a][b] = 1
			}
		}
	}
	q.connect()
	return q
}

// expectation is the program that comes near the expected time. A token whose
// top experts are on k devices waits for the slowest; a pair on one device makes
// that one slower by about the time of one expert, divided by the other k-1 that
// would have shared it.
func expectation(m *meter, quota [][]int) *pairwise {
	n, p := len(m.p.Devices), m.p
	q := &pairwise{m: m, quota: quota, far: square(n), near: square(n), load: make([][]int64, len(m.size))}
	top := int64(max(1, p.Usage.top))
	uses, mean := m.uses(), int64(0)
	for e := range q.load {
		q.load[e] = make([]int64, n)
		for d := range n {
			trip := int64(0)
			if !p.Moving {
				trip = m.net.trip(m.net.home, m.net.host[d])
			}
			q.load[e][d] = uses[e] * (m.serve[e][d] + trip) / top
		}
		mean += m.serve[e][0] / int64(len(m.size))
	}
	for a := range n {
		for b := range n {
			hostA, hostB := m.net.host[a], m.net.host[b]
			switch {
			case a == b:
				q.near[a][b] = mean / max(1, top-1)
			case p.Moving:
				q.near[a][b] = m.net.trip(hostA, hostB) / top
			}
			if p.Moving {
				q.far[a][b] = m.net.request(hostA, hostB) / (top * top)
			}
		}
	}
	q.connect()
	return q
}

func (q *pairwise) connect() {
	n := len(q.m.size)
	q.next, q.prev = make([][]pair, n), make([][]pair, n)
	for _, layer := range q.m.affinities() {
		for _, a := range layer {
			q.next[a.from] = append(q.next[a.from], a)
			q.prev[a.to] = append(q.prev[a.to], pair{a.to, a.from, a.weight})
		}
	}
	if q.near == nil {
		return
	}
	q.with = make([][]pair, n)
	for _, layer := range q.m.companions() {
		for _, a := range layer {
			q.with[a.from] = append(q.with[a.from], a)
			q.with[a.to] = append(q.with[a.to], pair{a.to, a.from, a.weight})
		}
	}
}

// costs fills row with what expert e costs on each device, with the others as
// they are; an expert at -1 is left out.
func (q *pairwise) costs(e int32, at []int32, row []int64) {
	clear(row)
	if q.load != nil {
		copy(row, q.load[e])
	}
	add := func(pairs []pair, table [][]int64) {
		for _, a := range pairs {
			if b := at[a.to]; b >= 0 {
				for d, c := range table[b] {
					row[d] += a.weight * c
				}
			}
		}
	}
	add(q.next[e], q.far)
	add(q.prev[e], q.far)
	if q.near != nil {
		add(q.with[e], q.near)
	}
}

// layer solves one layer given the rest, and tells how much was gained. Pairs
// within the layer are taken as they were, so the step may be worse: then it is
// not made.
func (q *pairwise) step(l int, at []int32, w *work) int64 {
	first, n := q.m.base[l], q.m.base[l+1]-q.m.base[l]
	if n == 0 {
		return 0
	}
	w.grow(n, len(q.m.p.Devices))
	copy(w.before, at[first:first+n])
	for i := range n {
		q.costs(int32(first+i), at, w.cost[i])
	}
	old := w.sum(w.before[:n])
	copy(w.after, w.before[:n])
	transport(w.cost[:n], q.quota[l], w.after[:n])
	gain := old - w.sum(w.after[:n])
	if gain <= 0 {
		return 0
	}
	copy(at[first:], w.after[:n])
	if q.near == nil {
		return gain
	}
	if gain = q.inside(l, w.before[:n], w) - q.inside(l, w.after[:n], w); gain <= 0 {
		copy(at[first:], w.before[:n])
		return 0
	}
	return gain
}

// inside is the cost of a layer at devices, its own pairs counted once, with the
// costs that step has gathered for pairs of adjacent layers.
func (q *pairwise) inside(l int, devices []int32, w *work) int64 {
	first, sum, twice := q.m.base[l], int64(0), int64(0)
	for i := range devices {
		d, e := devices[i], first+i
		c := w.cost[i][d]
		for _, a := range q.with[e] {
			j := int(a.to) - first
			c -= a.weight * q.near[w.before[j]][d] // what step took it to be
			twice += a.weight * q.near[devices[j]][d]
		}
		sum += c
	}
	return sum + twice/2
}

// total is the program's value of a plan.
func (q *pairwise) total(at []int32) int64 {
	sum, twice := int64(0), int64(0)
	for e, d := range at {
		if q.load != nil {
			sum += q.load[e][d]
		}
		for _, a := range q.next[e] {
			sum += a.weight * q.far[at[a.to]][d]
		}
		if q.near != nil {
			for _, a := range q.with[e] {
				twice += a.weight * q.near[at[a.to]][d]
			}
		}
	}
	return sum + twice/2
}

// work is scratch of step.
type work struct {
	cost          [][]int64
	before, after []int32
}

func (w *work) grow(items, bins int) {
	for len(w.cost) < items {
		w.cost = append(w.cost, make([]int64, bins))
		w.before, w.after = append(w.before, 0), append(w.after, 0)
	}
}

func (w *work) sum(at []int32) int64 {
	n := int64(0)
	for i, d := range at {
		n += w.cost[i][d]
	}
	return n
}
