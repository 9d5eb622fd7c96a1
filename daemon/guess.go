package daemon

import "moed/predictor"

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
		f.store.Predict(nearby{p, f.hosts})
		return nil
	}
	f.store.Predict(p)
	return nil
}
