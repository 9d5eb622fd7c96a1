package web

import (
	"context"

	"moed/daemon"
)

// Models is what dialects need of a *daemon.Shelf.
type Models interface {
	List() []daemon.ModelInfo
	Find(name string) (daemon.ModelInfo, error)
	Acquire(ctx context.Context, name string, o daemon.LoanOptions) (*daemon.Loan, error)
	Running() []daemon.Running
}
