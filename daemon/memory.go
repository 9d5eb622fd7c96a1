package daemon

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/kernels"
	"moed/offload"
	"moed/offload/budget"
	"moed/predictor"
	"moed/predictor/cost"
)

// memory is the one budget of an open model: what it is, how it is divided, and
// the account that is kept of it.
type memory struct {
	limits    budget.Limits
	asked     budget.Amount // zero where the machine decided
	footprint *moe.Footprint
	measured  map[int]*moe.Footprint // by the batch asked for
	plan      budget.Plan
	account   *budget.Account
	store     *offload.Store // nil until serve, and without routed experts
	pressure  *budget.Pressure
	heap      *heapLimit // of the process
	team      bool       // other hosts are asked for experts

	mu     sync.Mutex // one changes the size of things at a time; guards the three below
	total  int64      // the budget
	share  float64    // of total, in use while the system is short of memory
	relief func()     // gives back what is only kept; called without mu, which it takes

	sizing sync.Mutex // held while the store's size is read and changed; the last to be taken
	booked int64      // what the account has for experts, but for releases on their way; sizing guards it
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
	m := &memory{share: 1, heap: c.heap, team: c.Team != nil}
	if m.heap == nil {
		m.heap = &heapLimit{}
	}
	total, err := m.find(&c)
	if err != nil {
		return nil, err
	}
	if err := m.divide(h, o, total); err != nil {
		return nil, err
	}
	m.total, m.account = total, budget.NewAccount(total)
	for part, bytes := range map[budget.Part]int64{budget.Dense: m.plan.Dense, budget.Scratch: m.plan.Scratch + m.plan.Slack,
		budget.Heap: m.plan.Heap, budget.Experts: m.plan.Experts} {
		if err := m.account.Admit(part, bytes); err != nil {
			return nil, err
		}
	}
	o.Admit = m.admitKV
	return m, nil
}

// find is the budget that c asks for, or that the machine allows.
func (m *memory) find(c *Config) (total int64, err error) {
	if m.asked, err = c.amount(); err != nil {
		return 0, err
	}
	m.limits, err = budget.Discover(nil)
	total = budget.Default(m.limits)
	if m.asked != (budget.Amount{}) {
		total = m.asked.In(m.limits.Available)
	}
	if err != nil && total == 0 { // a share of nothing is known, or nothing was asked for
		return 0, err
	}
	return total, nil
}

const (
	// A prompt's chunk is no shorter than leastBatch, and shorter than it could be
	// only where that reads less by a hundredth.
	leastBatch = 32
	readsLess  = 0.99
	// scratchShare is the most of the budget that activations may take where no
	// experts are read, so that they leave room for the KV cache.
	scratchShare = 1.0 / 16
)

// divide sizes the model with the batch that package cost says reads least
// within the budget, and divides that. Before a budget is refused the shortest
// batch is tried, so that the smallest budget that the error names is one that
// works.
func (m *memory) divide(h *header, o *moe.Options, total int64) error {
	var best *moe.Footprint
	var plan budget.Plan
	least := 0.0
	for {
		fp, err := m.measure(h, *o)
		if err != nil {
			return err
		}
		m.footprint = fp
		batch := fp.Options.Batch
		p, err := budget.Split(m.need(h), total)
		roomy := fp.Memory.Experts > 0 || float64(fp.Scratch) <= scratchShare*float64(total) || batch <= leastBatch
		if err == nil && roomy {
			reads := m.experts().Reads(batch, float64(p.Experts))
			if best != nil && reads >= readsLess*least {
				break
			}
			best, plan, least = fp, p, reads
		}
		if batch <= leastBatch {
			if best == nil {
				return err
			}
			break
		}
		o.Batch = max(batch/2, leastBatch)
	}
	m.footprint, m.plan, o.Batch = best, plan, best.Options.Batch
	return nil
}

// experts are the model's for package cost, in the slots that hold them.
func (m *memory) experts() cost.Experts {
	all, cycle := 0.0, 0.0
	for i := range m.footprint.Table.Layers {
		l := &m.footprint.Table.Layers[i]
		all += float64(l.Bytes()) * float64(l.Experts)
		cycle += float64(l.Bytes()) * float64(min(m.footprint.Config.TopK, l.Experts))
	}
	if all == 0 {
		return cost.Experts{}
	}
	slots := float64(offload.SlotBytes(m.footprint.Table))
	return cost.Experts{Bytes: slots, Cycle: slots * cycle / all, PerTok: cycle / all}
}

// measure is moe.Measure, once for each batch: that makes the buffers which it
// counts.
func (m *memory) measure(h *header, o moe.Options) (*moe.Footprint, error) {
	if fp := m.measured[o.Batch]; fp != nil {
		return fp, nil
	}
	fp, err := moe.Measure(h.file, o)
	if err != nil {
		return nil, err
	}
	if m.measured == nil {
		m.measured = map[int]*moe.Footprint{}
	}
	m.measured[o.Batch] = fp
	return fp, nil
}

// The Go runtime with our code, and what the metadata become: vocabulary, merges
// and their indices.
const (
	heapBase      = 32 << 20
	heapPerHeader = 5
	kernelShare   = 600
)

// need is what the model wants of a budget.
func (m *memory) need(h *header) budget.Need {
	fp := m.footprint
	blocks := (fp.Options.Context + fp.KVTokens - 1) / fp.KVTokens // the KV cache grows by whole ones
	n := budget.Need{Dense: offload.DenseBytes(h.denseRanges()), Scratch: fp.Scratch, Heap: heapBase + heapPerHeader*h.file.DataOffset,
		KVPerToken: fp.KVBlock / int64(fp.KVTokens), Context: blocks * fp.KVTokens}
	if fp.Memory.Experts == 0 {
		return n
	}
	// Page tables, and what else the kernel charges to a group for this much.
	n.Slack = (fp.Dense + fp.Memory.Experts) / kernelShare
	t := fp.Table
	n.Experts, n.ExpertSmallest = offload.SlotBytes(t), offload.Least(t)
	n.ExpertLargest = n.ExpertSmallest
	bounces := int64(0) // where packed experts land
	var gates []expert.Gate
	for i := range t.Layers {
		l := &t.Layers[i]
		n.TokenCycle += int64(min(fp.Config.TopK, l.Experts)) * l.Bytes()
		bounces = max(bounces, 16*l.Bundles.Stride)
		n.Heap += int64(l.Experts) * int64(l.Experts+64) // what the policy counts
		gates = append(gates, expert.Gate{Router: kernels.Matrix{Rows: l.Experts, Cols: fp.Config.Hidden}, TopK: fp.Config.TopK})
	}
	n.Slack += bounces + h.bounces(t)
	if m.team {
		n.Slack += hostBuffers(fp)
	}
	n.Heap += predictor.Bytes(gates, predictor.Options{})
	return n
}

// serve connects the account with what was opened, and makes room in the
// scheduler for the goroutines that wait for the disk: the engine's threads keep
// theirs busy for milliseconds on end, and a read that has ended would wait as
// long to be noticed and followed by the next.
func (m *memory) serve(f *flash) error {
	m.heap.set(m, m.plan.Heap+m.plan.Scratch)
	if f.store == nil {
		return nil
	}
	m.store = f.store
	m.booked = m.store.Bytes()
	m.account.Release(budget.Experts, m.plan.Experts-m.booked) // too little for one more
	m.account.OnShort(offload.Least(m.footprint.Table), m.giveWay)
	if want := m.footprint.Options.Threads + f.inFlight(); runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
	var err error
	m.pressure, err = budget.Watch(budget.PressureOptions{}, func(_ budget.Stress, share float64) { m.squeeze(share) })
	if errors.Is(err, budget.ErrNoSigns) {
		err = nil // nothing to watch here
	}
	return err
}

// admitKV is asked before a KV cache grows and told when it has shrunk.
func (m *memory) admitKV(bytes int64) error {
	if bytes > 0 {
		return m.account.Admit(budget.KV, bytes)
	}
	m.account.Release(budget.KV, -bytes)
	return m.growBack()
}

// giveWay shrinks the cache of experts and returns by how much. Slots in use are
// given back by the store later; that counts the next time.
func (m *memory) giveWay(bytes int64) int64 {
	m.sizing.Lock()
	defer m.sizing.Unlock()
	freed := m.settle()
	if freed < bytes && m.store.Resize(m.booked-(bytes-freed)) == nil {
		freed += m.settle()
	}
	return freed
}

// settle books what the store holds, and returns how much less that is than
// before. The caller holds sizing and releases it.
func (m *memory) settle() int64 {
	before := m.booked
	m.booked = m.store.Bytes()
	return before - m.booked
}

// settleDebt books what the store has given back since the budget was lowered:
// slots on loan go when their loans end, and nobody tells of that.
func (m *memory) settleDebt() {
	if m.store == nil || m.account.Over() <= 0 {
		return
	}
	m.sizing.Lock()
	defer m.sizing.Unlock()
	m.account.Release(budget.Experts, m.settle())
}

// growBack lets the experts have what nobody else uses.
func (m *memory) growBack() error {
	if m.store == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.growExperts()
}

func (m *memory) growExperts() error {
	m.sizing.Lock()
	defer m.sizing.Unlock()
	m.account.Release(budget.Experts, m.settle())
	usage := m.account.Usage()
	kept := max(m.plan.KV-usage.Parts[budget.KV], 0) // for the first tokens, and nobody has taken it yet
	missing := m.plan.AllExperts - usage.Parts[budget.Experts]
	spare := min(usage.Room()-kept, missing)
	if spare <= 0 || spare < min(growStep, missing, m.plan.AllExperts/16) {
		return nil
	}
	got := m.account.AdmitUpTo(budget.Experts, spare)
	err := m.store.Resize(m.booked + got)
	m.account.Release(budget.Experts, got+m.settle())
	return err
}

// growStep is the least that is worth growing by, or a sixteenth of all experts,
// or what is missing, where that is less.
const growStep = 64 << 20

// resize changes the budget of a running model. Where what is in use by other
// parts than the experts is more, nothing changes.
func (m *memory) resize(total int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.total
	if least := m.least(); total < least {
		return fmt.Errorf("a memory budget of %d bytes is too small: what is in use needs %d", total, least)
	}
	m.total = total
	err := m.apply()
	if err != nil {
		m.total = before
		err = errors.Join(err, m.apply())
	}
	return err
}

// least is the smallest budget for what is in use now: all but the experts, and
// one of them.
func (m *memory) least() int64 {
	usage := m.account.Usage()
	least := usage.Used() - usage.Parts[budget.Experts]
	if m.store != nil {
		least += offload.Least(m.footprint.Table)
	}
	return least
}

// squeeze has only a share of the budget used while the system is short of
// memory, but no less than what cannot give way.
func (m *memory) squeeze(share float64) {
	m.mu.Lock()
	worse, relief := share < m.share, m.relief
	m.mu.Unlock()
	if worse && share <= reliefShare && relief != nil {
		relief()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.share = share
	// An error leaves the experts as many as they are, and the next look at the
	// system decides again.
	_ = m.apply()
}

// Experts give way first; once the system is so short that only this share of
// the budget is used, kept prefixes go too.
const reliefShare = 0.9

// relieve sets what gives back memory that is only kept for later.
func (m *memory) relieve(relief func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.relief = relief
}

// apply brings account and store to the share of the budget. Growth of the KV
// cache is admitted up to the plan's even then: a text under way does not end
// because something else wants memory.
func (m *memory) apply() error {
	total := int64(m.share * float64(m.total))
	if m.share < 1 {
		kept := max(m.plan.KV-m.account.Usage().Parts[budget.KV], 0)
		total = min(max(total, m.least()+kept), m.total)
	}
	m.account.Resize(total)
	if m.store == nil {
		return nil
	}
	return m.growExperts()
}

// close ends the watch and the collector's limit.
func (m *memory) close() error {
	var err error
	if m.pressure != nil {
		err = m.pressure.Close()
	}
	m.account.OnShort(0, nil)
	m.heap.drop(m)
	return err
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
