package policy

// replayer walks steps through a cache. An expert is named by its cell,
// layer*Experts+expert.
type replayer struct {
	steps   []Step
	shape   Shape
	cache   Cache
	chooser chooser

	pools   []pool  // one, or one per layer
	keys    []Key   // [cell]
	place   []int32 // [cell]: index in its pool's held, -1 if not held
	touched []int64 // [cell]: larger is more recent
	clock   int64
	batch   int64 // touched of the batch at hand is above this
	missed  []int32
	known   []int32 // [cell]: how many of the next Ahead steps want it
	until   int     // steps[:until] are known
}

// pool is a part of the cache with a budget of its own.
type pool struct {
	held  []int32 // cells
	bytes int64
}

// chooser names victims.
type chooser interface {
	// serve is told of a step before its misses are admitted.
	serve(step int)
	// victim names a held cell of a pool, not of the batch at hand, or says that
	// there is none.
	victim(step, pool int) (cell int32, ok bool)
}

func newReplayer(steps []Step, s Shape, c Cache) *replayer {
	r := &replayer{steps: steps, shape: s, cache: c}
	r.pools = make([]pool, 1)
	if c.PerLayer {
		r.pools = make([]pool, s.Layers)
		r.cache.Slots /= s.Layers
		r.cache.Bytes /= int64(s.Layers)
		if c.Slots > 0 && r.cache.Slots == 0 {
			r.cache.Slots = 1
		}
	}
	n := s.Layers * s.Experts
	r.place, r.touched, r.known = make([]int32, n), make([]int64, n), make([]int32, n)
	r.keys = make([]Key, n)
	for i := range r.place {
		r.place[i] = -1
		r.keys[i] = Key{Layer: int32(i / s.Experts), Expert: int32(i % s.Experts)}
	}
	return r
}

func (r *replayer) run() Result {
	result := Result{Layers: make([]Tally, r.shape.Layers)}
	for i := range r.steps {
		var tally Tally
		r.step(i, &tally)
		if !r.steps[i].Decode {
			result.Prefill.add(tally)
			continue
		}
		result.Decode.add(tally)
		result.Layers[r.steps[i].Layer].add(tally)
	}
	return result
}

func (r *replayer) cell(layer int, expert int32) int32 {
	return int32(layer*r.shape.Experts) + expert
}

func (r *replayer) step(i int, tally *Tally) {
	step := r.steps[i]
	at := 0
	if r.cache.PerLayer {
		at = step.Layer
	}
	r.look(i)
	r.batch = r.clock
	r.missed = r.missed[:0]
	for _, e := range step.Experts {
		cell := r.cell(step.Layer, e)
		r.clock++
		r.touched[cell] = r.clock
		tally.Wanted++
		if r.place[cell] >= 0 {
			tally.Hits++
			continue
		}
		tally.Missed += r.cache.Size[step.Layer]
		r.missed = append(r.missed, cell)
	}
	r.chooser.serve(i)
	for _, cell := range r.missed {
		r.admit(i, at, cell)
	}
	if r.cache.Slots > 0 {
		return
	}
	for r.pools[at].bytes > r.cache.Bytes {
		victim, ok := r.chooser.victim(i, at)
		if !ok {
			return
		}
		r.remove(at, victim)
	}
}

// admit holds a missed expert. Where the batch alone fills all slots, the first
// that it touched has been computed and makes room.
func (r *replayer) admit(i, at int, cell int32) {
	p := &r.pools[at]
	if r.cache.Slots > 0 && len(p.held) >= r.cache.Slots {
		victim, ok := r.chooser.victim(i, at)
		if !ok {
			victim = p.held[0]
			for _, c := range p.held {
				if r.touched[c] < r.touched[victim] {
					victim = c
				}
			}
		}
		r.remove(at, victim)
	}
	r.place[cell] = int32(len(p.held))
	p.held = append(p.held, cell)
	p.bytes += r.cache.Size[r.keys[cell].Layer]
}

func (r *replayer) remove(at int, cell int32) {
	p := &r.pools[at]
	last := len(p.held) - 1
	p.held[r.place[cell]] = p.held[last]
	r.place[p.held[last]] = r.place[cell]
	p.held = p.held[:last]
	r.place[cell] = -1
	p.bytes -= r.cache.Size[r.keys[cell].Layer]
}

// look takes the steps that have come within Ahead into known, and step i out.
func (r *replayer) look(i int) {
	if r.cache.Ahead <= 0 {
		return
	}
	for ; r.until < len(r.steps) && r.until <= i+r.cache.Ahead; r.until++ {
		r.know(r.until, 1)
	}
	r.know(i, -1)
}

func (r *replayer) know(i int, n int32) {
	for _, e := range r.steps[i].Experts {
		r.known[r.cell(r.steps[i].Layer, e)] += n
	}
}
