package moe

import (
	"context"

	"moed/moe/expert"
)

// Experts is where the forward pass gets experts from. Each runner opens one
// stream and uses it from one goroutine.
type Experts interface {
	Stream() expert.Stream
}

// resident gives experts that all lie in memory: views into the mapped file.
// It is the reference that every other store must equal bit for bit.
type resident struct {
	weights [][]expert.Weights // [layer][expert]
}

func (r resident) Stream() expert.Stream { return &residentStream{weights: r.weights} }

type residentStream struct {
	weights [][]expert.Weights
	demand  *expert.Demand
	given   int
}

func (s *residentStream) Want(_ context.Context, d *expert.Demand) error {
	s.demand, s.given = d, 0
	return nil
}

func (s *residentStream) Next(_ context.Context, dst []expert.Lease) (int, error) {
	n := min(len(dst), len(s.demand.Experts)-s.given)
	for i := range dst[:n] {
		slot := s.given + i
		dst[i] = expert.Lease{Slot: slot, Weights: s.weights[s.demand.Layer][s.demand.Experts[slot]]}
	}
	s.given += n
	return n, nil
}

func (s *residentStream) Release(l *expert.Lease) { *l = expert.Lease{} }
