package placement

// ledger keeps the price of every token's visits to a plan, so that a change of
// few experts is priced by the tokens that use them.
type ledger struct {
	m      *meter
	copies [][]int32 // [expert]
	cost   []int64   // [token][layer]
	to     []int32   // [token][layer]
	users  [][]int32 // [expert] tokens
	total  int64
	steps  int     // visits priced
	whole  []int32 // [layer] host that has all of it, where tokens move

	stamp []int32 // [token]
	round int32
	undo  []entry
}

// entry is a visit's price, or, with at below 0, where layer -1-at was whole.
type entry struct {
	at   int
	cost int64
	to   int32
}

func newLedger(m *meter, copies [][]int32) *ledger {
	u := &m.p.Usage
	g := &ledger{m: m, copies: copies, cost: make([]int64, u.tokens*u.layers), to: make([]int32, u.tokens*u.layers),
		users: make([][]int32, len(m.size)), stamp: make([]int32, u.tokens)}
	for t := range u.tokens {
		at := m.net.home
		for l := range u.layers {
			for _, c := range u.at(t, l) {
				if c >= 0 {
					e := m.base[l] + int(c)
					g.users[e] = append(g.users[e], int32(t))
				}
			}
			v := m.visit(l, u.at(t, l), copies, at)
			g.cost[t*u.layers+l], g.to[t*u.layers+l] = v.cost, v.to
			g.total += v.cost
			at = v.to
		}
	}
	if m.p.Moving {
		for l := range m.p.Layers {
			g.whole = append(g.whole, m.whole(l, copies))
		}
	}
	return g
}

// reprice prices anew the tokens that use experts of which the copies changed, or
// all where a layer is no longer whole or is now.
func (g *ledger) reprice(experts ...int32) {
	for _, e := range experts {
		if g.turned(int(g.m.layer[e])) {
			for t := range g.m.p.Usage.tokens {
				g.token(t, int(g.m.layer[e]))
			}
			continue
		}
		g.round++
		for _, t := range g.users[e] {
			if g.stamp[t] != g.round {
				g.stamp[t] = g.round
				g.token(int(t), int(g.m.layer[e]))
			}
		}
	}
}

// turned notes which host has all of a layer, and reports whether that is news.
func (g *ledger) turned(l int) bool {
	if g.whole == nil {
		return false
	}
	h := g.m.whole(l, g.copies)
	if h == g.whole[l] {
		return false
	}
	g.undo = append(g.undo, entry{at: -1 - l, to: g.whole[l]})
	g.whole[l] = h
	return true
}

// token prices a token from a layer on, until it is where it was before.
func (g *ledger) token(t, l int) {
	u := &g.m.p.Usage
	for ; l < u.layers; l++ {
		at, i := g.m.net.home, t*u.layers+l
		if l > 0 {
			at = g.to[i-1]
		}
		v := g.m.visit(l, u.at(t, l), g.copies, at)
		g.steps++
		same := v.to == g.to[i]
		if v.cost != g.cost[i] || !same {
			g.undo = append(g.undo, entry{i, g.cost[i], g.to[i]})
			g.total += v.cost - g.cost[i]
			g.cost[i], g.to[i] = v.cost, v.to
		}
		if same {
			return
		}
	}
}

// mark is a point to which back returns, until keep.
func (g *ledger) mark() int { return len(g.undo) }

// keep accepts all that was priced.
func (g *ledger) keep() { g.undo = g.undo[:0] }

// back takes prices back to a mark; the copies are the caller's to restore.
func (g *ledger) back(mark int) {
	for k := len(g.undo) - 1; k >= mark; k-- {
		n := g.undo[k]
		if n.at < 0 {
			g.whole[-1-n.at] = n.to
			continue
		}
		g.total += n.cost - g.cost[n.at]
		g.cost[n.at], g.to[n.at] = n.cost, n.to
	}
	g.undo = g.undo[:mark]
}
