package daemon

import (
	"sync"

	"moed/predictor"
)

// guess connects the store with what guesses for it: the routers, what was used
// before, and the path where one was trained for this model. A path that cannot
// be used is a note; the model works without.
func (f *flash) guess(h *header, ahead int) error {
	o, note := pathOptions(h.path)
	if note != "" {
		f.note = "prediction " + note
	}
	o.Ahead = ahead
	p, err := predictor.New(f.model.Gates(), o)
	if err != nil {
		return err
	}
	if f.hosts != nil {
		n := nearby{&sync.Mutex{}, p, f.hosts}
		f.store.Predict(n)
		f.hosts.Foresee(n.far, max(1, f.store.Ahead()))
		return nil
	}
	f.store.Predict(p)
	return nil
}
