package offload

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"moed/flashio"
	"moed/moe/expert"
	"moed/offload/policy"
)

// ErrClosed is returned by what comes after Close.
var ErrClosed = errors.New("the store of experts is closed")

// Predictor guesses what layers to come will want.
type Predictor interface {
	// Observe is told of each demand, before it is asked about later layers.
	Observe(d *expert.Demand)
	// Guess appends to dst the experts that layer is likely to want for the
	// tokens of d, a demand of an earlier layer, and returns it. Those that it
	// does not name are not likely to be wanted.
	Guess(dst []expert.Guess, d *expert.Demand, layer int) []expert.Guess
}

// Options say how a Store is made. The zero value is right but for Bytes.
type Options struct {
	// Bytes is the memory for experts.
	Bytes int64
	// Policy names the choice of victims; "" is the recommended one.
	Policy string
	// Ahead is how many layers ahead the Predictor is asked; 0 is 2.
	Ahead int
	// Disks are more files with some of the experts. Those that none has are
	// read from the model's own file, and so are all where a disk fails.
	Disks []Disk
	// Lost is told when a disk of Disks is taken out of use, with the reason,
	// and with nil when one is in use again. It may be nil, is called by
	// goroutines of the readers, must not block, and must not use the store.
	Lost func(disk string, err error)
}

const defaultAhead = 2

// Store keeps experts in memory of a fixed size and reads the others from a
// file. It may be shared between goroutines; each uses a Stream of its own.
//
// Ownership: slots belong to the Store. A slot is free, being read (it belongs
// to the Reader then), or held. A held slot is on loan while pins is above
// zero; only one without pins can become a victim.
type Store struct {
	disks   []*disk // the model's own file is the first
	layers  []layer
	experts int // most of a layer: expert e of layer l has number l·experts + e
	ahead   int

	policyName string
	lost       func(disk string, err error) // Options.Lost, or nil

	mu        sync.Mutex // guards all below
	policy    policy.Policy
	predictor Predictor
	classes   []*class
	where     []int32 // [number] its slot in its layer's class, or none
	expected  [][]expected
	idle      []*read       // not in use
	underWay  int           // reads submitted and not done
	warming   *warming      // a Warm at work, or nil
	quiet     sync.Cond     // none is under way
	since     time.Time     // when the first of those under way was submitted, or counted into working
	working   time.Duration // of this pass with any under way
	bounces   *bounces      // nil where no layer is packed
	streams   []*stream
	loans     loans
	held      int // experts held, in all classes
	total     int // experts in the file
	stats     Stats
	ledger    ledger
	passing   passing
	visiting  policy.Visit // scratch, and the next three
	mean      []float32
	foreseen  []int32
	likely    []float32
	closed    bool

	guessing sync.Mutex // held while the predictor is asked; taken before mu
	guesses  []expert.Guess
}

const none = -1

// layer is what the store knows of one layer.
type layer struct {
	expert.Layer
	class *class // nil for a layer without experts
	shape shape
}

// New makes an empty store of the experts in t, read with r from the model's own
// file and from the disks of o. The caller keeps r and closes it after the store.
func New(t *expert.Table, r *flashio.Reader, o Options) (*Store, error) {
	if o.Policy == "" {
		o.Policy = policy.Default
	}
	s := &Store{ahead: o.Ahead, policyName: o.Policy, lost: o.Lost, layers: make([]layer, len(t.Layers)), expected: make([][]expected, len(t.Layers)), ledger: newLedger(len(t.Layers))}
	s.quiet.L = &s.mu
	if s.ahead == 0 {
		s.ahead = defaultAhead
	}
	for i := range t.Layers {
		s.layers[i].Layer = t.Layers[i]
		s.experts = max(s.experts, t.Layers[i].Experts)
		s.total += t.Layers[i].Experts
	}
	if s.experts == 0 {
		return nil, fmt.Errorf("the model has no routed experts")
	}
	if err := s.makeDisks(r, o.Disks); err != nil {
		return nil, err
	}
	var err error
	if s.policy, err = policy.New(o.Policy, policy.Shape{Layers: len(s.layers), Experts: s.experts}); err != nil {
		return nil, err
	}
	s.mean = make([]float32, s.experts)
	s.where = slices.Repeat([]int32{none}, len(s.layers)*s.experts)
	s.stats.Layers = make([]LayerStats, len(s.layers))
	err = s.makeClasses(t)
	if err == nil {
		err = s.makeBounces()
	}
	if err == nil {
		err = s.resize(o.Bytes)
	}
	if err != nil {
		return nil, errors.Join(err, s.unmap())
	}
	return s, nil
}

// PolicyName names the choice of victims.
func (s *Store) PolicyName() string { return s.policyName }

// Ahead is how many layers ahead are read; 0 where nobody guesses.
func (s *Store) Ahead() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.predictor == nil {
		return 0
	}
	return s.ahead
}

// Predict sets who guesses for prefetching; nil ends it.
func (s *Store) Predict(p Predictor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.predictor = p
}

// Close waits for the reads under way and gives the memory back. All leases
// must have been released: what they view is gone afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.loans.check()
	for _, c := range s.classes {
		for _, rd := range c.reading {
			if rd != nil {
				s.withdraw(rd)
			}
		}
	}
	for _, st := range s.streams {
		st.signal()
	}
	for s.underWay > 0 {
		s.quiet.Wait()
	}
	s.mu.Unlock()
	return s.unmap()
}

func (s *Store) unmap() error {
	var errs []error
	for _, c := range s.classes {
		if c.arena != nil {
			errs = append(errs, c.arena.Close())
		}
	}
	if s.bounces != nil {
		errs = append(errs, s.bounces.arena.Close())
	}
	return errors.Join(errs...)
}
