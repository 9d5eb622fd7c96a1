package service

import (
	"testing"

	"moed/daemon"
)

func TestStatusLine(t *testing.T) {
	const gib = 1 << 30
	model := func(name, state string, loaded float64) daemon.Running {
		return daemon.Running{ModelInfo: daemon.ModelInfo{Name: name}, State: state, Loaded: loaded}
	}
	phases := func(names ...string) (all []daemon.RequestInfo) {
		for _, n := range names {
			all = append(all, daemon.RequestInfo{Phase: n})
		}
		return all
	}
	for want, got := range map[string]string{
		"no model loaded, 0.0/6.0 GiB": statusLine(nil, nil, 6*gib, 1<<20),
		"glm-4.5-air 43% loaded, 5.1/6.0 GiB, 2 queued": statusLine([]daemon.Running{model("glm-4.5-air", daemon.StateLoading, 0.43)},
			phases(daemon.PhaseQueued, daemon.PhaseLoading), 6*gib, 51*gib/10),
		"a ready, b unloading, 1.0/2.0 GiB, 2 answered, 1 queued": statusLine([]daemon.Running{model("a", daemon.StateReady, 1), model("b", daemon.StateUnload, 1)},
			phases(daemon.PhaseDecode, daemon.PhasePrefill, daemon.PhaseQueued), 2*gib, gib),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
