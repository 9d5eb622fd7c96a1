package placement

// network is what messages between hosts cost, with hosts as numbers.
type network struct {
	hosts int
	home  int32
	names []string
	host  []int32   // [device]
	links [][]int64 // [host][host] nanoseconds of a request, one way
	backs [][]int64 // [host][host] nanoseconds of an answer without its bytes
	each  [][]int64 // [host][host] nanoseconds per expert in an answer
	bytes [][]int64 // [host][host] of an expert in an answer
}

func newNetwork(p *Problem) *network {
	n := &network{host: make([]int32, len(p.Devices))}
	number := map[string]int32{}
	for i, d := range p.Devices {
		h, ok := number[d.Host]
		if !ok {
			h = int32(len(n.names))
			number[d.Host] = h
			n.names = append(n.names, d.Host)
		}
		n.host[i] = h
	}
	n.hosts = len(n.names)
	n.home = number[p.Home]
	if p.Home == "" {
		n.home = n.host[0]
	}
	n.links, n.backs, n.each, n.bytes = square(n.hosts), square(n.hosts), square(n.hosts), square(n.hosts)
	for a := range n.hosts {
		for b := range n.hosts {
			if a != b {
				n.set(p, int32(a), int32(b), &p.Remote)
			}
		}
	}
	for i := range p.Links {
		a, okA := number[p.Links[i].A]
		b, okB := number[p.Links[i].B]
		if okA && okB && a != b {
			n.set(p, a, b, &p.Links[i])
			n.set(p, b, a, &p.Links[i])
		}
	}
	return n
}

func (n *network) set(p *Problem, a, b int32, l *Link) {
	n.links[a][b] = int64(l.sends(p.Request))
	n.backs[a][b] = int64(l.Latency)
	n.bytes[a][b] = l.answer(p.Answer)
	n.each[a][b] = int64(transfer(n.bytes[a][b], l.Rate))
}

func (n *network) request(a, b int32) int64 { return n.links[a][b] }
func (n *network) answer(a, b int32, experts int64) int64 {
	return n.backs[a][b] + experts*n.each[a][b]
}

// trip is a request for one expert and its answer, 0 within a host.
func (n *network) trip(a, b int32) int64 {
	if a == b {
		return 0
	}
	return n.request(a, b) + n.answer(b, a, 1)
}

func square(n int) [][]int64 {
	cells := make([]int64, n*n)
	rows := make([][]int64, n)
	for i := range rows {
		rows[i] = cells[i*n : (i+1)*n : (i+1)*n]
	}
	return rows
}
