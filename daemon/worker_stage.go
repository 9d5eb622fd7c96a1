package daemon

import (
	"context"
	"errors"
	"slices"

	"moed/moe"
	"moed/moe/expert"
	"moed/offload"
	"moed/offload/hosts"
)

const (
	leastStageKV = 16 << 20 // bytes of keys and values of other hosts' sessions
	mostStageKV  = 1 << 30
)

// wholeLayers is those that a Worker runs whole, and what it keeps in memory for
// them beside experts.
type wholeLayers struct {
	layers []bool
	dense  *offload.Dense
	stage  *moe.Stage
	kv     int64
}

// stageOf is what runs the layers; a nil layers is nothing, and so is one without
// any.
func (w *Worker) stageOf(ctx context.Context, layers []bool) (_ *wholeLayers, err error) {
	s := &wholeLayers{layers: slices.Clone(layers)}
	if !slices.Contains(layers, true) {
		return s, nil
	}
	s.kv = stageKV(w.room)
	s.dense, err = offload.ReadDense(ctx, w.reader, w.header.ranges(func(name string) bool { return moe.IsStageTensor(name, layers) }), nil)
	if err != nil {
		return nil, err
	}
	o := moe.Options{Threads: w.threads, Batch: hosts.MostTransit, Experts: w.store}
	if s.stage, err = moe.NewStage(w.header.image(s.dense), w.header.path, o, layers, s.kv); err != nil {
		return nil, errors.Join(err, s.dense.Close())
	}
	return s, nil
}

// stageKV is how much of a room is for keys and values.
func stageKV(room int64) int64 {
	if room <= 0 {
		return mostStageKV
	}
	return min(max(room/16, leastStageKV), mostStageKV)
}

// stageBytes is the memory that layers run whole need beside their experts.
func (w *Worker) stageBytes(layers []bool) int64 {
	if !slices.Contains(layers, true) {
		return 0
	}
	n := stageKV(w.room)
	for _, r := range w.header.ranges(func(name string) bool { return moe.IsStageTensor(name, layers) }) {
		n += r.Size
	}
	return n
}

func (s *wholeLayers) close() error {
	if s == nil || s.stage == nil {
		return nil
	}
	return errors.Join(s.stage.Close(), s.dense.Close())
}

// Run implements hosts.Stage.
func (w *Worker) Run(ctx context.Context, t *expert.Transit) error {
	w.turn.RLock()
	defer w.turn.RUnlock()
	if w.whole == nil || w.whole.stage == nil {
		return errNoLayers
	}
	return w.whole.stage.Run(ctx, t)
}

// Fill implements hosts.Stage.
func (w *Worker) Fill(f *expert.Fill) error {
	w.turn.RLock()
	defer w.turn.RUnlock()
	if w.whole == nil || w.whole.stage == nil {
		return errNoLayers
	}
	return w.whole.stage.Fill(f)
}

var errNoLayers = errors.New("no whole layers are run here")
