package server

import (
	"context"

	"moed/daemon"
)

// models are those of the shelf, as the dialects see them: what is lent is noted
// in the record of the request.
type models struct{ *daemon.Shelf }

func (m models) Acquire(ctx context.Context, name string, o daemon.LoanOptions) (*daemon.Loan, error) {
	loan, err := m.Shelf.Acquire(ctx, name, o)
	if note, ok := ctx.Value(recordKey{}).(*record); ok && err == nil {
		note.model = loan.Info.Name
	}
	return loan, err
}
