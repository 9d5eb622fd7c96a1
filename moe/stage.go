package moe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"moed/moe/expert"
	"moed/moe/gguf"
)

// Stage runs whole layers for tokens whose forward pass belongs to another host:
// attention, router and experts. It holds the dense weights of these layers and,
// for each session that it has served of late, their keys and values. Its outputs
// have the bits that the same layers give in the other host's forward pass.
//
// It may be shared between goroutines; passages run one at a time.
type Stage struct {
	model  *Model // without vocabulary and tokenizer; its mu guards what is below
	layers []bool
	most   int64 // bytes of keys and values

	sessions map[uint64]*staged
	clock    uint64
	kvRun    int64 // bytes of a block's layers that are run here
}

// staged is a session of another host.
type staged struct {
	*Session
	have []int // [layer] positions
	used uint64
}

// IsStageTensor reports whether a Stage of these layers reads the tensor of that
// name itself.
func IsStageTensor(name string, layers []bool) bool {
	if name == "rope_freqs.weight" {
		return true
	}
	if blockPart(name) == "" || IsExpertTensor(name) {
		return false
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(name, "blk."), ".")
	i, err := strconv.Atoi(number)
	return err == nil && i < len(layers) && layers[i]
}

// NewStage makes a stage of an image, which belongs to it from then on, also where
// NewStage fails. Of the options it uses Threads, Batch, which is how many tokens a
// passage may have, and Experts, which must be set. kv is the most bytes of keys
// and values; sessions that were not served for longest are forgotten first.
func NewStage(im *gguf.Image, name string, o Options, layers []bool, kv int64) (_ *Stage, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), im.Close())
		}
	}()
	if o.Experts == nil {
		return nil, errors.New("a stage wants a store of experts")
	}
	c, err := ReadConfig(im.File)
	if err != nil {
		return nil, err
	}
	if len(layers) != c.Layers {
		return nil, fmt.Errorf("found %d layers, the model has %d", len(layers), c.Layers)
	}
	o.Context = c.Context // what the other host allows is its own to say
	if o, err = o.settle(c); err != nil {
		return nil, err
	}
	m := &Model{im: im, config: c, experts: o.Experts, options: o}
	if m.arch, err = architectureOf(c.Architecture); err != nil {
		return nil, err
	}
	if m.weights, err = bindStage(im, c, m.arch, layers); err != nil {
		return nil, err
	}
	s := &Stage{model: m, layers: slices.Clone(layers), most: kv, sessions: map[uint64]*staged{}}
	if err := s.retype(o.KV); err != nil {
		return nil, err
	}
	return s, nil
}

// bindStage finds the tensors of some layers.
func bindStage(im *gguf.Image, c *Config, arch *architecture, layers []bool) (*weights, error) {
	b := &binder{f: im.File, data: im.Data, c: c, w: &weights{layers: make([]layer, c.Layers)}}
	b.w.ropeFactor = b.optional("rope_freqs.weight", c.RopeDims/2)
	for i, here := range layers {
		if here && b.err == nil {
			b.bindLayer(arch, i)
		}
	}
	if b.err == nil {
		b.bindExperts(false)
	}
	return b.w, b.err
}

// retype has keys and values of another type, and forgets all that there are. The
// caller holds mu, or is alone.
func (s *Stage) retype(t KVType) (err error) {
	m := s.model
	for key := range s.sessions {
		s.forget(key)
	}
	m.options.KV = t
	if m.kv, err = newKVLayout(m.config, t); err != nil {
		return err
	}
	run := 0
	for _, here := range s.layers {
		if here {
			run++
		}
	}
	s.kvRun = int64(kvBlockTokens) * int64(m.kv.rowBytes()) * int64(run)
	if m.runner != nil {
		m.runner.pool.Close()
	}
	if m.runner, err = newRunner(m.config, m.arch, m.weights, &m.kv, &m.options); err != nil {
		return err
	}
	m.runner.start(m)
	return nil
}

// Rows is the most tokens of a passage.
func (s *Stage) Rows() int { return s.model.options.Batch }

// Config is the model's hyperparameters; callers must not change them.
func (s *Stage) Config() *Config { return s.model.config }

// Run runs a passage. An error that wraps expert.ErrMissing says that Fill has to come
// first.
func (s *Stage) Run(ctx context.Context, t *expert.Transit) error {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.admit(t); err != nil {
		return err
	}
	r := m.runner
	defer r.end()
	for i := t.From; i < t.To; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.block(ctx, i); err != nil {
			return err
		}
	}
	copy(t.X, r.x)
	t.Rows = t.Rows[:0]
	var parts [][]byte
	for i := range r.n {
		g := s.sessions[t.Keys[i]]
		for l := t.From; l < t.To; l++ {
			parts = g.kv.row(parts[:0], l, r.pos[i])
			for _, p := range parts {
				t.Rows = append(t.Rows, p...)
			}
			g.have[l] = r.pos[i] + 1
		}
	}
	return nil
}

// admit checks a passage and makes it the runner's batch.
func (s *Stage) admit(t *expert.Transit) error {
	m, r := s.model, s.model.runner
	n, d := len(t.Keys), m.config.Hidden
	if err := s.check(t.From, t.To, t.KVType); err != nil {
		return err
	}
	if n < 1 || n > m.options.Batch || len(t.Pos) != n || len(t.X) != n*d {
		return fmt.Errorf("found %d tokens, %d positions and %d values, want 1 to %d tokens of %d", n, len(t.Pos), len(t.X), m.options.Batch, d)
	}
	s.clock++
	next := map[uint64]int{}
	r.batch, r.n = r.batch[:0], n
	for i, key := range t.Keys {
		pos, later := next[key]
		if !later {
			pos = t.Pos[i]
		}
		if t.Pos[i] != pos || pos < 0 || pos >= m.options.Context {
			return fmt.Errorf("token %d is at position %d", i, t.Pos[i])
		}
		next[key] = pos + 1
		g := s.session(key)
		for l := t.From; !later && l < t.To; l++ {
			if g.have[l] < pos {
				return fmt.Errorf("layer %d, position %d: %w", l, pos, expert.ErrMissing)
			}
			g.have[l] = pos // until the passage is through
		}
		if err := s.room(g, pos); err != nil {
			return err
		}
		r.batch = append(r.batch, Token{Session: g.Session})
		r.pos[i] = pos
		r.rope.Angles(r.angles[i*m.config.RopeDims:(i+1)*m.config.RopeDims], pos)
	}
	copy(r.x, t.X)
	return nil
}

func (s *Stage) check(from, to int, kv uint8) error {
	switch {
	case s.model.closed:
		return errors.New("the stage is closed")
	case from < 0 || from >= to || to > len(s.layers) || slices.Contains(s.layers[from:to], false):
		return fmt.Errorf("layers %d to %d are not all run here", from, to-1)
	case KVType(kv) > KVQ8_0:
		return fmt.Errorf("found KV type %d", kv)
	case KVType(kv) != s.model.options.KV:
		return s.retype(KVType(kv))
	}
	return nil
}

// Fill takes in keys and values that were computed elsewhere.
func (s *Stage) Fill(f *expert.Fill) error {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.check(f.From, f.To, f.KVType); err != nil {
		return err
	}
	line := (f.To - f.From) * m.kv.rowBytes()
	n := len(f.Rows) / line
	if n < 1 || n*line != len(f.Rows) || f.First < 0 || f.First > m.options.Context-n {
		return fmt.Errorf("found %d bytes from position %d on, want %d for each", len(f.Rows), f.First, line)
	}
	s.clock++
	g := s.session(f.Key)
	for l := f.From; l < f.To; l++ {
		if g.have[l] < f.First {
			return fmt.Errorf("layer %d, position %d: %w", l, f.First, expert.ErrMissing)
		}
	}
	var parts [][]byte
	rows := f.Rows
	for pos := f.First; pos < f.First+n; pos++ {
		if err := s.room(g, pos); err != nil {
			return err
		}
		for l := f.From; l < f.To; l++ {
			parts = g.kv.row(parts[:0], l, pos)
			for _, p := range parts {
				rows = rows[copy(p, rows):]
			}
			g.have[l] = pos + 1
		}
	}
	return nil
}

// session is the one of that key, an empty one where it is not known.
func (s *Stage) session(key uint64) *staged {
	g := s.sessions[key]
	if g == nil {
		g = &staged{Session: &Session{model: s.model}, have: make([]int, s.model.config.Layers)}
		g.kv = kvCache{model: s.model}
		s.sessions[key] = g
	}
	g.used = s.clock
	return g
}

// room makes room for a position, at the cost of sessions that were not served of
// late.
func (s *Stage) room(g *staged, pos int) error {
	for len(g.kv.blocks) <= pos/kvBlockTokens {
		for s.Bytes()+s.kvRun > s.most {
			oldest := slices.MinFunc(s.others(g), func(a, b uint64) int {
				return cmp.Or(cmp.Compare(s.sessions[a].used, s.sessions[b].used), cmp.Compare(a, b))
			})
			if s.sessions[oldest] == g || s.sessions[oldest].used == s.clock {
				return fmt.Errorf("position %d, with %d bytes of keys and values at most: %w", pos, s.most, expert.ErrFull)
			}
			s.forget(oldest)
		}
		if err := g.kv.write(len(g.kv.blocks) * kvBlockTokens); err != nil {
			return err
		}
	}
	return nil
}

// others are all sessions; g alone, where there is no other.
func (s *Stage) others(g *staged) []uint64 {
	var keys []uint64
	for key, other := range s.sessions {
		if other != g || len(s.sessions) == 1 {
			keys = append(keys, key)
		}
	}
	return keys
}

func (s *Stage) forget(key uint64) {
	s.sessions[key].kv.shrink(0)
	delete(s.sessions, key)
}

// Bytes is the memory of keys and values. Blocks have room for all layers, but
// memory is taken only for those that are run here.
func (s *Stage) Bytes() int64 {
	return s.model.kvBytes / int64(s.model.kv.blockBytes) * s.kvRun
}

// Close gives everything back but the store.
func (s *Stage) Close() error {
	m := s.model
	m.mu.Lock()
	for key := range s.sessions {
		s.forget(key)
	}
	m.mu.Unlock()
	return m.Close()
}
