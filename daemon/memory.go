package daemon

import (
	"fmt"
	"runtime"
	"sync"

	"moed/moe"
	"moed/offload"
	"moed/offload/budget"
)

// memory is the one budget of an open model: what it is, how it is divided, and
// the account that is kept of it.
type memory struct {
	limits    budget.Limits
	asked     budget.Amount // zero where the machine decided
	footprint *moe.Footprint
	plan      budget.Plan
	account   *budget.Account
	store     *offload.Store // nil until serve, and without routed experts
	procs     int            // to go back to, 0 where it was not changed
	growing   sync.Mutex     // one grows the experts back at a time
}

// amount is the memory that c asks for.
func (c *Config) amount() (budget.Amount, error) {
	if c.Memory == "" {
		return budget.Amount{}, nil
	}
	a, err := budget.ParseSize(c.Memory)
	if err != nil {
		return a, fmt.Errorf("memory: %w", err)
	}
	return a, nil
}

// newMemory finds out how much memory there is and divides it, before anything
// is loaded. It sets in o what follows from that: the longest batch whose
// activations are a small part, and the admission of the KV cache.
func newMemory(c Config, h *header, o *moe.Options) (*memory, error) {
	m := &memory{}
	var err error
	if m.asked, err = c.amount(); err != nil {
		return nil, err
	}
	m.limits, err = budget.Discover(nil)
	total := budget.Default(m.limits)
	if m.asked != (budget.Amount{}) {
		total, err = m.asked.In(m.limits.Available), nil
	}
	if err != nil {
		return nil, err
	}
	if err := m.measure(h, o, total); err != nil {
		return nil, err
	}
	if m.plan, err = budget.Split(m.need(h), total); err != nil {
		return nil, err
	}
	m.account = budget.NewAccount(total)
	for part, bytes := range map[budget.Part]int64{budget.Dense: m.plan.Dense, budget.Scratch: m.plan.Scratch + m.plan.Slack,
		budget.Heap: m.plan.Heap, budget.Experts: m.plan.Experts} {
		if err := m.account.Admit(part, bytes); err != nil {
			return nil, err
		}
	}
	o.Admit = m.admitKV
	return m, nil
}

const (
	// scratchShare is the most of the budget that activations may take: a longer
	// prefill chunk reads each expert less often, but has less room for them.
	scratchShare = 1.0 / 16
	leastBatch   = 32
)

// measure sizes the model with a batch that suits the budget.
func (m *memory) measure(h *header, o *moe.Options, total int64) (err error) {
	for {
		if m.footprint, err = moe.Measure(h.file, *o); err != nil {
			return err
		}
		batch := m.footprint.Options.Batch
		if float64(m.footprint.Scratch) <= scratchShare*float64(total) || batch <= leastBatch {
			return nil
		}
		o.Batch = max(batch/2, leastBatch)
	}
}

// The Go runtime with our code, and what the metadata become: vocabulary, merges
// and their indices.
const (
	heapBase      = 32 << 20
	heapPerHeader = 5
)

// need is what the model wants of a budget.
func (m *memory) need(h *header) budget.Need {
	fp := m.footprint
	n := budget.Need{Dense: offload.DenseBytes(h.denseRanges()), Scratch: fp.Scratch, Heap: heapBase + heapPerHeader*h.file.DataOffset,
		KVPerToken: fp.KVBlock / int64(fp.KVTokens), Context: fp.Options.Context}
	if fp.Memory.Experts == 0 {
		return n
	}
	t := fp.Table
	n.Experts, n.ExpertSmallest = offload.SlotBytes(t), offload.Least(t)
	n.ExpertLargest = n.ExpertSmallest
	for i := range t.Layers {
		l := &t.Layers[i]
		n.TokenCycle += int64(min(fp.Config.TopK, l.Experts)) * l.Bytes()
		n.Slack = max(n.Slack, 16*l.Bundles.Stride)
		// The predictor's copy of the router, and what the policy counts.
		n.Heap += int64(l.Experts) * int64(2*fp.Config.Hidden+2*l.Experts+64)
	}
	return n
}

// serve connects the account with what was opened, and makes room in the
// scheduler for the goroutines that wait for the disk: the engine's threads keep
// theirs busy for milliseconds on end, and a read that has ended would wait as
// long to be noticed and followed by the next.
func (m *memory) serve(f *flash) {
	m.store = f.store
	if m.store != nil {
		m.account.OnShort(offload.Least(m.footprint.Table), m.giveWay)
	}
	inFlight := f.reader.Info().InFlight
	if want := m.footprint.Options.Threads + inFlight; m.store != nil && runtime.GOMAXPROCS(0) < want {
		m.procs = runtime.GOMAXPROCS(want)
	}
}

// admitKV is asked before a KV cache grows and told when it has shrunk.
func (m *memory) admitKV(bytes int64) error {
	if bytes > 0 {
		return m.account.Admit(budget.KV, bytes)
	}
	m.account.Release(budget.KV, -bytes)
	return m.growBack()
}

// giveWay shrinks the cache of experts and returns by how much.
func (m *memory) giveWay(bytes int64) int64 {
	before := m.store.Bytes()
	if err := m.store.Resize(before - bytes); err != nil {
		return 0
	}
	return before - m.store.Bytes()
}

// growBack lets the experts have what nobody else uses.
func (m *memory) growBack() error {
	if m.store == nil {
		return nil
	}
	m.growing.Lock()
	defer m.growing.Unlock()
	usage := m.account.Usage()
	spare := usage.Total - usage.Used() - m.keptForKV(usage)
	missing := m.plan.AllExperts - usage.Parts[budget.Experts]
	if spare = min(spare, missing); spare < growStep {
		return nil
	}
	got := m.account.AdmitUpTo(budget.Experts, spare)
	before := m.store.Bytes()
	err := m.store.Resize(before + got)
	m.account.Release(budget.Experts, got-(m.store.Bytes()-before))
	return err
}

// growStep is the least that is worth growing by.
const growStep = 64 << 20

// keptForKV is what the plan has for the first tokens and nobody has taken.
func (m *memory) keptForKV(u budget.Usage) int64 { return max(m.plan.KV-u.Parts[budget.KV], 0) }

// resize changes the budget of a running model. What is used already by other
// parts than the experts stays; the result is by how much it is above the new
// budget then.
func (m *memory) resize(total int64) (over int64, err error) {
	over = m.account.Resize(total)
	return over, m.growBack()
}

func (m *memory) close() error {
	m.account.OnShort(0, nil)
	if m.procs > 0 {
		runtime.GOMAXPROCS(m.procs)
	}
	return nil
}

// notes are lines about the memory that a user should see.
func (m *memory) notes() []string {
	var notes []string
	if asked := m.plan.Budget; m.limits.Available > 0 && asked > m.limits.Available {
		notes = append(notes, fmt.Sprintf("memory: %s allowed, but there is less: %s", m.asked, m.limits.Binding))
	}
	if m.asked != (budget.Amount{}) || m.plan.Experts < m.plan.AllExperts {
		notes = append(notes, "memory: "+m.plan.String())
	}
	return notes
}

