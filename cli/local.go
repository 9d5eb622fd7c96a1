package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"moed/daemon"
)

// local is a model in this process.
type local struct {
	*daemon.Engine
	u    *ui
	said string // of the profile, among the notes
}

// openLocal opens the model, and says how far it is where that takes long.
func openLocal(ctx context.Context, u *ui, config daemon.Config) (*local, error) {
	var read, total atomic.Int64
	config.Progress = func(done, all int64) { read.Store(done); total.Store(all) }
	done := u.whileWaiting(func() string {
		text := "loading " + modelText(config.Model)
		if all := total.Load(); all > 0 {
			text += fmt.Sprintf(", %d %% of its dense weights", 100*read.Load()/all)
		}
		return text
	})
	e, err := daemon.Open(ctx, config)
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return nil, errInterrupted
	case err != nil:
		return nil, explain(err, config.Model)
	}
	return &local{Engine: e, u: u, said: e.ProfileNote()}, nil
}

// Close closes the model and says what is wrong with its profile, unless that is
// what was said before.
func (l *local) Close() error {
	err := l.Engine.Close()
	if note := l.ProfileNote(); note != l.said {
		l.u.sayf("%s", clean(note))
	}
	return err
}

func modelText(path string) string {
	if path == "" {
		return "the built-in story model"
	}
	text := filepath.Base(path)
	if info, err := os.Stat(path); err == nil {
		text += ", " + bytesText(info.Size())
	}
	return text
}

// explain adds what to do about a model that does not open.
func explain(err error, path string) error {
	if errors.Is(err, os.ErrNotExist) {
		return withHint(err, "a model is a GGUF file or a name that moed models lists; where none is named the built-in story model runs")
	}
	if path == "" {
		return err
	}
	return withHint(err, "moed inspect %s tells what is in the file", path)
}
