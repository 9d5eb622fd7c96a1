package hosts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"moed/moe/expert"
)

// errDiffers is a host whose answer is not what this one computes.
var errDiffers = errors.New("it gives other numbers: its file or its build differs")

// TrialExperts is how many experts a trial asks for, of one row, and so the least
// pairs that a Computer of Options.Check must do at once.
const TrialExperts = 4

// try asks a host for some experts of a demand's layer that the plan has there,
// for the demand's first token, and compares. It does not hold up the demand: the
// host is ready when it has passed.
func (e *Experts) try(ctx context.Context, h *host, p *plan, d *expert.Demand) {
	j := &expert.Job{Layer: d.Layer, Hidden: slices.Clone(d.Hidden[:e.shape.Hidden])}
	for i, where := range p.Where[d.Layer] {
		for _, at := range where {
			if at != Here && p.hosts[at] == h && len(j.Experts) < TrialExperts {
				j.Experts, j.Counts, j.Rows = append(j.Experts, int32(i)), append(j.Counts, 1), append(j.Rows, 0)
			}
		}
	}
	if len(j.Experts) == 0 { // the next layer may have some
		h.untried()
		return
	}
	go func() { // ends by the deadline
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.Deadline)
		defer cancel()
		err := e.trial(ctx, h, j)
		h.tried(err, errors.Is(err, errDiffers), time.Now())
		e.changed(h)
	}()
}

func (e *Experts) trial(ctx context.Context, h *host, j *expert.Job) error {
	request := appendRequest(nil, j, e.shape.Hidden)
	b, err := e.net.Ask(ctx, h.name, request)
	if err != nil {
		return err
	}
	found := make([]float32, len(j.Rows)*e.shape.Hidden)
	if err := readAnswer(b, len(j.Rows), false, found); err != nil {
		return err
	}
	if e.o.Check == nil {
		return nil
	}
	j.Out = make([]float32, len(found))
	if err := e.o.Check.Compute(ctx, j); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	for i := range found {
		if math.Float32bits(found[i]) != math.Float32bits(j.Out[i]) {
			return fmt.Errorf("expert %d of layer %d: %w", j.Experts[i/e.shape.Hidden], j.Layer, errDiffers)
		}
	}
	return nil
}
