package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"moed/flashio"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/offload"
	"moed/offload/hosts"
)

// WorkerOptions say which experts of a model are computed here for another host.
// Model and Experts are needed.
type WorkerOptions struct {
	Model   string  // path of a GGUF, stock or packed
	Experts [][]int // by layer, ascending: those that are to lie in memory
	// Whole are the layers that are run whole, with attention and router; nil is
	// none. Their dense weights and a part of Room for keys and values lie in memory
	// as well.
	Whole []bool
	// Room is the most bytes for all of it; 0 is what is needed. Experts for which
	// there is none are read when they are asked for.
	Room    int64
	Threads int // 0 is all processors
	Flash   FlashConfig
}

// Worker computes experts of one model for tokens whose forward pass runs on
// another host, and runs whole layers for them. It holds nothing of the model but
// what these need. It may be shared between goroutines; jobs run one at a time, and
// so do passages through layers.
type Worker struct {
	*moe.Worker
	header *header
	table  *expert.Table
	reader *flashio.Reader
	disks  *disks
	biases *offload.Dense
	store  *offload.Store

	room    int64
	threads int
	turn    sync.RWMutex // of who uses whole, and who changes it
	whole   *wholeLayers
}

// workerBatch is the most rows of a job: what the other side sends at once is
// bounded by the size of messages before that.
const workerBatch = 512

// OpenWorker opens a model for computing experts of it. It reads none yet.
func OpenWorker(ctx context.Context, o WorkerOptions) (_ *Worker, err error) {
	w := &Worker{disks: &disks{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", o.Model, err), w.Close())
		}
	}()
	if w.header, err = readHeader(o.Model); err != nil {
		return nil, err
	}
	fo, err := o.Flash.options()
	if err != nil {
		return nil, err
	}
	if o.Threads == 0 {
		o.Threads = processors
	}
	mo := moe.Options{Threads: o.Threads, Batch: workerBatch}
	fp, err := moe.Measure(w.header.file, mo)
	if err != nil {
		return nil, err
	}
	w.table = fp.Table
	need, err := slotsFor(w.table, o.Experts)
	if err != nil {
		return nil, err
	}
	w.room, w.threads = o.Room, o.Threads
	if o.Room > 0 {
		need = min(need, o.Room-w.stageBytes(o.Whole))
	}
	if err := w.open(ctx, fo, max(need, offload.Least(w.table))); err != nil {
		return nil, err
	}
	mo.Experts = w.store
	if w.Worker, err = moe.NewWorker(w.header.image(w.biases), o.Model, mo); err != nil {
		return nil, err
	}
	w.whole, err = w.stageOf(ctx, o.Whole)
	return w, err
}

// open opens the files, and a store of so many bytes.
func (w *Worker) open(ctx context.Context, o flashOptions, bytes int64) (err error) {
	open := flashio.Open
	if o.open != nil {
		open = o.open
	}
	if w.reader, err = open(w.header.path, o.reader); err != nil {
		return err
	}
	if w.biases, err = offload.ReadDense(ctx, w.reader, w.header.ranges(moe.IsWorkerTensor), nil); err != nil {
		return err
	}
	w.disks = openDisks(w.header, w.table, open, o.reader)
	w.store, err = offload.New(w.table, w.reader, offload.Options{Bytes: bytes, Policy: o.policy, Disks: w.disks.open, Lost: w.disks.lost})
	return err
}

// image is the model with the weights that have been read.
func (h *header) image(read *offload.Dense) *gguf.Image {
	return gguf.NewImage(h.file, h.path, h.size, func(t *gguf.Tensor) []byte { return read.Bytes(t.Offset, t.Size) })
}

// slotsFor is the memory of a store that holds all the listed experts. A store
// divides its memory among sizes of experts by how many there are in the model, so
// that the size of which most are wanted decides.
func slotsFor(t *expert.Table, experts [][]int) (int64, error) {
	if len(experts) != len(t.Layers) {
		return 0, fmt.Errorf("found experts of %d layers, the model has %d", len(experts), len(t.Layers))
	}
	classes, of, err := offload.Classes(t)
	if err != nil {
		return 0, err
	}
	wanted := make([]int, len(classes))
	for l, list := range experts {
		for i, e := range list {
			if e < 0 || e >= t.Layers[l].Experts || i > 0 && list[i-1] >= e {
				return 0, fmt.Errorf("layer %d: found expert %d of %d, want ascending ones", l, e, t.Layers[l].Experts)
			}
		}
		if of[l] >= 0 {
			wanted[of[l]] += len(list)
		}
	}
	share, all := 0.0, int64(0)
	for c, n := range wanted {
		share = max(share, float64(n)/float64(classes[c].Experts))
		all += classes[c].Slot * int64(classes[c].Experts)
	}
	return min(all, int64(share*float64(all))+offload.Least(t)), nil
}

// Warm reads the listed experts as far as there is room, and returns how many
// more it has read; progress may be nil.
func (w *Worker) Warm(ctx context.Context, experts [][]int, progress func(read int)) (int, error) {
	var order []offload.Key
	for l, list := range experts {
		for _, e := range list {
			order = append(order, offload.Key{Layer: l, Expert: e})
		}
	}
	return w.store.Warm(ctx, order, progress)
}

// Resize gives the store the memory that the listed experts need, or what of room
// is left where that is less and room above 0, and runs these layers whole.
func (w *Worker) Resize(ctx context.Context, experts [][]int, layers []bool, room int64) error {
	need, err := slotsFor(w.table, experts)
	if err != nil {
		return err
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	w.room = room
	if !slices.Equal(layers, w.whole.layers) {
		old := w.whole
		w.whole = &wholeLayers{}
		if err := old.close(); err != nil {
			return err
		}
	}
	if room > 0 {
		need = min(need, room-w.stageBytes(layers))
	}
	if err := w.store.Resize(max(need, offload.Least(w.table))); err != nil {
		return err
	}
	if w.whole.stage != nil {
		return nil
	}
	next, err := w.stageOf(ctx, layers)
	if err == nil {
		w.whole = next
	}
	return err
}

// Foretell implements hosts.Foreteller.
func (w *Worker) Foretell(h *hosts.Hint) { w.store.Foretell(h.Now, h.Layer, h.Tokens, h.Guesses) }

// Held is how many of the listed experts are in memory.
func (w *Worker) Held(experts [][]int) int {
	n, most := 0, 0
	for i := range w.table.Layers {
		most = max(most, w.table.Layers[i].Experts)
	}
	resident := w.store.Resident(nil)
	for l, list := range experts {
		for _, e := range list {
			n += int(resident[l*most+e])
		}
	}
	return n
}

// Bytes is the memory of its experts, and of the layers that it runs whole.
func (w *Worker) Bytes() int64 {
	w.turn.RLock()
	defer w.turn.RUnlock()
	n := w.store.Bytes()
	if w.whole != nil && w.whole.stage != nil {
		n += w.whole.dense.Size() + w.whole.kv
	}
	return n
}

// Notes say what is wrong with the disks that it reads from.
func (w *Worker) Notes() []string { return w.disks.all() }

// Close gives everything back, after the jobs under way.
func (w *Worker) Close() error {
	w.turn.Lock()
	defer w.turn.Unlock()
	errs := []error{w.whole.close()}
	w.whole = nil
	if w.Worker != nil {
		errs = append(errs, w.Worker.Close())
	}
	if w.store != nil {
		errs = append(errs, w.store.Close())
	}
	if w.biases != nil {
		errs = append(errs, w.biases.Close())
	}
	if w.reader != nil {
		errs = append(errs, w.reader.Close())
	}
	return errors.Join(append(errs, w.disks.close())...)
}
