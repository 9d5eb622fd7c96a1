package hosts

import (
	"context"
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

// Answer has a computer do what a request asks for, and returns the answer.
// hidden is the model's hidden size.
func Answer(ctx context.Context, c Computer, hidden int, request []byte) ([]byte, error) {
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
	return appendAnswer(make([]byte, 0, answerHeader+4*len(j.Out)), len(j.Rows), j.Out), nil
}
