package path

import (
	"slices"
	"sync"
)

const (
	// batchSize is how many tokens one step of training looks at.
	batchSize = 64
	// window is how far back training looks for the moving average.
	window = 64
)

// batch is one step of training. Each of its phases runs on several goroutines,
// in parts that share nothing, so that every sum has one order.
type batch struct {
	model   *Model
	adam    *adam
	grad    *Model // views the gradient as model does the params
	decay   float32
	threads int
	samples []sample

	rows    [batchSize][lags + 1]int32
	counts  [batchSize]int // of rows
	hidden  []float32      // [batchSize][width], before max(0, x), then its gradient
	values  [batchSize][]float32
	active  [batchSize][]int32
	partial []float32 // [layers][batchSize][width], gradient of the hidden layer
	scratch sync.Pool // of *scratch
	touched []int32
}

// scratch is one goroutine's.
type scratch struct {
	delta []float32 // [batchSize][experts], gradient of the logits
	often []float32 // [experts]
	from  []float32 // [width]
}

func newBatch(m *Model, a *adam, decay float32, threads int) *batch {
	b := &batch{model: m, adam: a, grad: newModel(m.identity, m.width, m.ids, a.grad), decay: decay, threads: threads}
	b.hidden = make([]float32, batchSize*m.width)
	b.partial = make([]float32, len(m.layers)*batchSize*m.width)
	most := slices.Max(m.identity.Experts)
	b.scratch.New = func() any {
		return &scratch{delta: make([]float32, batchSize*most), often: make([]float32, most), from: make([]float32, m.width)}
	}
	return b
}

// learn makes one step from at most batchSize samples.
func (b *batch) learn(samples []sample) {
	b.samples = samples
	b.adam.next()
	parallel(b.threads, len(samples), b.forward)
	parallel(b.threads, len(b.model.layers), b.layer)
	parallel(b.threads, len(samples), b.backward)
	parallel(b.threads, len(b.model.layers)+1, func(i int) {
		if i == len(b.model.layers) {
			b.tokens()
			return
		}
		b.choices(i)
	})
}

// forward computes the hidden layer of sample i.
func (b *batch) forward(i int) {
	m, s := b.model, b.samples[i]
	x := b.scratch.Get().(*scratch)
	clear(x.from)
	k := m.identity.TopK
	for at := range m.layers {
		if m.layers[at].experts > 0 {
			m.layers[at].gather(x.from, s.before(at, k))
		}
	}
	rows := s.rows(b.rows[i][:0])
	b.counts[i] = len(rows)
	h := b.hidden[i*m.width:][:m.width]
	m.hide(h, rows, x.from, m.share())
	b.values[i], b.active[i] = compress(b.values[i][:0], b.active[i][:0], h)
	b.scratch.Put(x)
}

// layer computes what layer at says and how it should change, changes it, and
// keeps how the hidden layer should.
func (b *batch) layer(at int) {
	l, w := &b.model.layers[at], b.model.width
	if l.experts == 0 {
		return
	}
	x := b.scratch.Get().(*scratch)
	n := l.experts
	own := &b.grad.layers[at]
	for i := range b.samples {
		delta := x.delta[i*n:][:n]
		b.delta(i, at, delta, x.often[:n], own)
		to := b.partial[(at*batchSize+i)*w:][:w]
		clear(to)
		for j, r := range b.active[i] {
			if b.values[i][j] > 0 { // and not there to fill four
				to[r] = dot(l.out[int(r)*n:][:n], delta)
			}
		}
	}
	for r := range w {
		b.outer(own.out[r*n:][:n], x.delta, r)
	}
	b.scratch.Put(x)
	out := l.at + len(l.from)
	b.adam.move(out, out+len(l.out)+3*n, 0)
}

// delta sets dst to the gradient of sample i's logits and adds to those of what
// is theirs alone.
func (b *batch) delta(i, at int, dst, often []float32, own *layer) {
	l, s, k := &b.model.layers[at], b.samples[i], b.model.identity.TopK
	chosen := s.chosen(at, k, 0)
	if slices.Min(chosen) < 0 {
		clear(dst)
		return
	}
	clear(often)
	weight := float32(1 - fade)
	for back := 1; back <= min(window, s.at); back++ {
		for _, e := range s.chosen(at, k, back) {
			if e >= 0 {
				often[e] += weight
			}
		}
		weight *= fade
	}
	last := s.before(at, k)
	l.logits(dst, b.values[i], b.active[i], last, often)
	share := 1 / float32(len(b.samples))
	for e, y := range dst {
		dst[e] = logistic(y) * share
	}
	for _, e := range chosen {
		dst[e] -= share
	}
	addScaled(own.bias, dst, 1)
	addProduct(own.often, dst, often)
	for _, e := range last {
		own.last[e] += dst[e]
	}
}

// outer adds to the gradient of row r of V what all samples say of it.
func (b *batch) outer(dst, deltas []float32, r int) {
	n := len(dst)
	var c [4]float32
	var rows [4][]float32
	have := 0
	for i := range b.samples {
		h := b.hidden[i*b.model.width+r]
		if h <= 0 {
			continue
		}
		c[have], rows[have] = h, deltas[i*n:][:n]
		if have++; have == 4 {
			addScaled4(dst, rows[0], rows[1], rows[2], rows[3], c[0], c[1], c[2], c[3])
			have = 0
		}
	}
	for j := range have {
		addScaled(dst, rows[j], c[j])
	}
}

// backward sums what the layers say of sample i's hidden layer.
func (b *batch) backward(i int) {
	w := b.model.width
	h := b.hidden[i*w:][:w]
	clear(h)
	for at := range b.model.layers {
		if b.model.layers[at].experts > 0 {
			addScaled(h, b.partial[(at*batchSize+i)*w:][:w], 1)
		}
	}
}

// choices changes C of layer at.
func (b *batch) choices(at int) {
	l, w := &b.model.layers[at], b.model.width
	if l.experts == 0 {
		return
	}
	grad, share := b.grad.layers[at].from, b.model.share()
	for i, s := range b.samples {
		for _, e := range s.before(at, b.model.identity.TopK) {
			addScaled(grad[int(e)*w:][:w], b.hidden[i*w:][:w], share)
		}
	}
	b.adam.move(l.at, l.at+len(l.from), b.decay)
}

// tokens changes the tables of tokens and what else is for all layers.
func (b *batch) tokens() {
	m, w := b.model, b.model.width
	b.touched = b.touched[:0]
	for i := range b.samples {
		d := b.hidden[i*w:][:w]
		rows := b.rows[i][:b.counts[i]]
		addScaled(b.grad.start, d, 1)
		addScaled(b.grad.token[int(rows[0])*w:][:w], d, 1)
		for lag, row := range rows[1:] {
			addProduct(b.grad.gates[lag*w:][:w], d, m.past[int(row)*w:])
			addProduct(b.grad.past[int(row)*w:][:w], d, m.gates[lag*w:])
		}
		b.touched = append(b.touched, rows...)
	}
	slices.Sort(b.touched)
	first := len(m.start) + len(m.gates) // the tables come after those
	for _, row := range slices.Compact(b.touched) {
		token := first + int(row)*w
		past := token + len(m.token)
		b.adam.move(token, token+w, b.decay)
		b.adam.move(past, past+w, b.decay)
	}
	b.adam.move(0, first, 0)
}
