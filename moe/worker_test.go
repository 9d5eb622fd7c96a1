package moe

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"moed/moe/expert"
	"moed/moe/gguf"
)

// apart is experts of which every third is computed by a Worker, in jobs of a few
// pairs, as if it were on another host.
type apart struct {
	local  Experts
	worker *Worker
	most   int // pairs of a job
}

func (a apart) Stream() expert.Stream { return &apartStream{apart: a, local: a.local.Stream()} }

type apartStream struct {
	apart
	local  expert.Stream
	demand *expert.Demand
	left   expert.Demand // for local
	slots  []int         // of left's experts in demand
	far    []int         // slots that are the worker's
}

func (s *apartStream) Want(ctx context.Context, d *expert.Demand) error {
	s.demand, s.left, s.slots, s.far = d, *d, nil, nil
	s.left.Experts, s.left.Counts = nil, nil
	for i, e := range d.Experts {
		if e%3 == 0 {
			s.far = append(s.far, i)
			continue
		}
		s.slots = append(s.slots, i)
		s.left.Experts, s.left.Counts = append(s.left.Experts, e), append(s.left.Counts, d.Counts[i])
	}
	return s.local.Want(ctx, &s.left)
}

func (s *apartStream) Next(ctx context.Context, dst []expert.Lease) (int, error) {
	if len(s.far) > 0 {
		slot := s.far[0]
		s.far = s.far[1:]
		dst[0] = expert.Lease{Slot: slot, Out: make([]float32, int(s.demand.Counts[slot])*s.worker.Config().Hidden), Handle: -1}
		return 1, s.compute(ctx, slot, dst[0].Out)
	}
	n, err := s.local.Next(ctx, dst)
	for i := range n {
		dst[i].Slot = s.slots[dst[i].Slot]
	}
	return n, err
}

// compute asks the worker for one expert, with the rows of its tokens alone.
func (s *apartStream) compute(ctx context.Context, slot int, out []float32) error {
	d, e := s.demand, s.demand.Experts[slot]
	width, k := s.worker.Config().Hidden, len(s.demand.Chosen)/s.demand.Tokens
	var hidden []float32
	flush := func() error {
		n := len(hidden) / width
		if n == 0 {
			return nil
		}
		j := expert.Job{Layer: d.Layer, Experts: []int32{e}, Counts: []int32{int32(n)}, Hidden: hidden, Out: out[:n*width]}
		for i := range n {
			j.Rows = append(j.Rows, int32(i))
		}
		hidden, out = nil, out[n*width:]
		return s.worker.Compute(ctx, &j)
	}
	for t := range d.Tokens {
		for _, c := range d.Chosen[t*k : (t+1)*k] {
			if c == e {
				hidden = append(hidden, d.Hidden[t*width:(t+1)*width]...)
			}
		}
		if len(hidden) == s.most*width {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (s *apartStream) Release(l *expert.Lease) {
	if l.Handle >= 0 {
		s.local.Release(l)
	}
}

// TestWorker has a third of the experts computed by a Worker: every logit must
// have the same bits.
func TestWorker(t *testing.T) {
	some := false
	for _, path := range goldenFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			g := readGolden(t, path)
			near := openGolden(t, path, Options{Threads: 1, Context: 256})
			if near.Config().Experts == 0 {
				t.Skip("no experts")
			}
			some = true
			im, err := gguf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			w, err := NewWorker(im, path, Options{Threads: 2, Batch: 5, Experts: near.experts})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { w.Close() })
			far := openGolden(t, path, Options{Threads: 1, Context: 256, Experts: apart{local: near.experts, worker: w, most: 3}})
			ids := append(append([]int32{}, g.Prompt...), g.Greedy[:4]...)
			want := whole(t, near, ids)
			sameBits(t, "one batch", want, whole(t, far, ids))
			sameBits(t, "one token at a time", want[:8], feed(t, newSession(t, far), ids[:8], 1))
		})
	}
	if !some {
		t.Fatal("no file has experts")
	}
}

func TestWorkerRefuses(t *testing.T) {
	path := goldenFiles(t)[0]
	near := openGolden(t, path, Options{Threads: 1, Context: 64})
	im, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorker(im, path, Options{Threads: 1, Batch: 4, Experts: near.experts})
	if err != nil {
		t.Fatal(err)
	}
	c := w.Config()
	good := func() *expert.Job {
		return &expert.Job{Layer: c.LeadDense, Experts: []int32{0, 1}, Counts: []int32{1, 2}, Rows: []int32{0, 0, 1},
			Hidden: make([]float32, 2*c.Hidden), Out: make([]float32, 3*c.Hidden)}
	}
	if err := w.Compute(t.Context(), good()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want string
		bad  func(*expert.Job)
	}{
		{"has no experts", func(j *expert.Job) { j.Layer = c.Layers }},
		{"has no experts", func(j *expert.Job) { j.Layer = -1 }},
		{"hidden values", func(j *expert.Job) { j.Hidden = j.Hidden[1:] }},
		{"hidden values", func(j *expert.Job) { j.Hidden = nil }},
		{"hidden values", func(j *expert.Job) { j.Hidden = make([]float32, 5*c.Hidden) }},
		{"outputs", func(j *expert.Job) { j.Out = j.Out[1:] }},
		{"outputs", func(j *expert.Job) { j.Rows, j.Out = nil, nil }},
		{"counts", func(j *expert.Job) { j.Counts = j.Counts[:1] }},
		{"ascending", func(j *expert.Job) { j.Experts = []int32{1, 1} }},
		{"ascending", func(j *expert.Job) { j.Experts[1] = int32(c.Experts) }},
		{"ascending", func(j *expert.Job) { j.Experts[0] = -1 }},
		{"pairs", func(j *expert.Job) { j.Counts = []int32{0, 3} }},
		{"pairs", func(j *expert.Job) { j.Counts = []int32{1, 1} }},
		{"pairs", func(j *expert.Job) { j.Counts = []int32{1 << 30, 1<<30 + 3} }},
		{"row 2", func(j *expert.Job) { j.Rows[2] = 2 }},
		{"row -1", func(j *expert.Job) { j.Rows[2] = -1 }},
	} {
		j := good()
		test.bad(j)
		if err := w.Compute(t.Context(), j); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want an error with %q", err, test.want)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Compute(t.Context(), good()); err == nil {
		t.Error("a closed worker computes")
	}
}
