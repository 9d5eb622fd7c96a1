package hosts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"moed/moe/expert"
)

// Computer computes jobs; moe.Worker is one.
type Computer interface {
	// Rows and Pairs are the most of each that a job may have.
	Rows() int
	Pairs() int
	// Compute fills the job's Out, which has room for all pairs. It refuses what
	// makes no sense for its model.
	Compute(ctx context.Context, j *expert.Job) error
}

// Stage runs whole layers; moe.Stage is one.
type Stage interface {
	// Run fills in X and Rows of a passage of up to MostTransit tokens. An error
	// that wraps expert.ErrMissing asks for a Fill, one that wraps expert.ErrFull is for want of
	// memory.
	Run(ctx context.Context, t *expert.Transit) error
	Fill(f *expert.Fill) error
}

// Answer does what a request asks for and returns the answer. hidden is the
// model's hidden size. Where st is nil, whole layers are not run here.
func Answer(ctx context.Context, c Computer, st Stage, hidden int, request []byte) ([]byte, error) {
	magic := uint32(0)
	if len(request) >= 4 {
		magic = binary.LittleEndian.Uint32(request)
	}
	switch {
	case magic == hintMagic:
		return foretold(c, request)
	case magic != transitMagic && magic != fillMagic:
		return compute(ctx, c, hidden, request)
	case st == nil:
		return nil, errors.New("no layers are run here")
	case magic == fillMagic:
		f, err := readFill(request)
		if err != nil {
			return nil, err
		}
		return outcome(&expert.Transit{}, st.Fill(f))
	}
	t, err := readTransit(request, hidden)
	if err != nil {
		return nil, err
	}
	return outcome(t, st.Run(ctx, t))
}

// foretold passes a hint on to who takes them.
func foretold(c Computer, request []byte) ([]byte, error) {
	h, err := readHint(request)
	if err != nil {
		return nil, err
	}
	if f, ok := c.(Foreteller); ok {
		f.Foretell(h)
	}
	return outcome(&expert.Transit{}, nil)
}

// outcome is the answer to a passage, or to a fill, which has no tokens.
func outcome(t *expert.Transit, err error) ([]byte, error) {
	switch {
	case errors.Is(err, expert.ErrMissing):
		return appendPassed(nil, missing, t), nil
	case errors.Is(err, expert.ErrFull):
		return appendPassed(nil, full, t), nil
	case err != nil:
		return nil, err
	}
	return appendPassed(make([]byte, 0, passedHeader+4*len(t.X)+len(t.Rows)), passed, t), nil
}

// compute has a computer do what a request asks for.
func compute(ctx context.Context, c Computer, hidden int, request []byte) ([]byte, error) {
	j, err := readRequest(request, hidden)
	if err != nil {
		return nil, err
	}
	if rows := len(j.Hidden) / hidden; rows > c.Rows() || len(j.Rows) > c.Pairs() {
		return nil, fmt.Errorf("%w: %d rows and %d pairs, at most %d and %d are computed at once", ErrMessage, rows, len(j.Rows), c.Rows(), c.Pairs())
	}
	j.Out = make([]float32, len(j.Rows)*hidden)
	if err := c.Compute(ctx, j); err != nil {
		return nil, err
	}
	return appendAnswer(make([]byte, 0, answerHeader+4*len(j.Out)), len(j.Rows), j.Half, j.Out), nil
}
