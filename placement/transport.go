package placement

import "math"

// never is a cost that no plan pays if it can be helped.
const never = int64(1) << 44

// transport moves items between bins until no other way to fill them costs
// less: the exact optimum of the transportation problem. cost is [item][bin],
// quota what each bin takes, and at the bin of each item, which must respect
// the quotas and is changed.
func transport(cost [][]int64, quota []int, at []int32) {
	if len(quota) > 4*len(at) || len(quota) > 24 {
		hungarian(cost, quota, at)
		return
	}
	newCycles(cost, quota, at).run()
}

// cycles cancels negative cycles in the small graph of the bins, whose edge from
// a to b is the cheapest move of an item of a. One more node stands for free
// places. Where there is no negative cycle the flow is optimal.
type cycles struct {
	cost  [][]int64
	at    []int32
	bins  int
	free  []int
	edge  [][]int64 // [bins+1][bins+1]
	item  [][]int64 // [bins][bins] the item that the edge moves
	dist  []int64
	prior []int32
}

func newCycles(cost [][]int64, quota []int, at []int32) *cycles {
	n := len(quota)
	c := &cycles{cost: cost, at: at, bins: n, free: append([]int(nil), quota...),
		edge: square(n + 1), item: square(n), dist: make([]int64, n+1), prior: make([]int32, n+1)}
	for _, b := range at {
		c.free[b]--
	}
	for b := range n {
		c.refresh(int32(b))
	}
	return c
}

// refresh finds the cheapest moves out of a bin.
func (c *cycles) refresh(a int32) {
	row, item := c.edge[a], c.item[a]
	for b := range row {
		row[b] = math.MaxInt64 / 4
	}
	for i, at := range c.at {
		if at != a {
			continue
		}
		from := c.cost[i][a]
		for b, to := range c.cost[i] {
			if to-from < row[b] && int32(b) != a {
				row[b], item[b] = to-from, int64(i)
			}
		}
	}
	c.edge[c.bins][a] = 0
	if c.free[a] > 0 {
		row[c.bins] = 0
	}
}

func (c *cycles) run() {
	for {
		cycle := c.negative()
		if cycle == nil {
			return
		}
		for k, a := range cycle {
			b := cycle[(k+1)%len(cycle)]
			switch {
			case int(b) == c.bins:
				c.free[a]--
			case int(a) == c.bins:
				c.free[b]++
			default:
				c.at[c.item[a][b]] = b
			}
		}
		for _, a := range cycle {
			if int(a) != c.bins {
				c.refresh(a)
			}
		}
	}
}

// negative is a cycle of negative cost, as nodes in order, or nil.
func (c *cycles) negative() []int32 {
	n := c.bins + 1
	for i := range n {
		c.dist[i], c.prior[i] = 0, -1
	}
	last := int32(-1)
	for range n {
		last = -1
		for a := range n {
			for b, w := range c.edge[a] {
				if a != b && c.dist[a]+w < c.dist[b] {
					c.dist[b], c.prior[b], last = c.dist[a]+w, int32(a), int32(b)
				}
			}
		}
		if last < 0 {
			return nil
		}
	}
	for range n {
		last = c.prior[last]
	}
	cycle := []int32{last}
	for at := c.prior[last]; at != last; at = c.prior[at] {
		cycle = append(cycle, at)
	}
	for i, j := 0, len(cycle)-1; i < j; i, j = i+1, j-1 {
		cycle[i], cycle[j] = cycle[j], cycle[i]
	}
	return cycle
}
