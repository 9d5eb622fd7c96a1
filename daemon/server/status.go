package server

import (
	"net/http"
	"os"
	"time"

	"moed/daemon"
	"moed/daemon/api"
)

// look is what by may see at this moment.
func (s *Server) look(by daemon.Caller) *api.Status {
	v := &api.Status{Version: s.o.Version, PID: os.Getpid(), Began: s.began, Requests: []api.Request{}, Pressure: pressure("/"), Admin: by.Admin}
	v.Budget.Total, v.Budget.Used = s.shelf.Budget()
	v.Models = s.running(by)
	if by.Admin && s.o.Cluster != nil {
		v.Cluster = s.o.Cluster()
	}
	for _, q := range s.shelf.Requests() {
		if by.Admin || by.Key() == (daemon.CallerKey{UID: q.UID, Token: q.Token}) {
			v.Requests = append(v.Requests, api.Request(q))
		} else {
			v.Others++
		}
	}
	s.add(v)
	return v
}

// add sums up what the loaded models have done and hold.
func (s *Server) add(v *api.Status) {
	wanted, hits := int64(0), int64(0)
	for _, m := range s.loaded() {
		t, stats := &v.Totals, &m.stats
		t.Tokens += stats.GeneratedTokens
		t.PromptTokens += stats.PromptTokens
		t.CachedTokens += stats.CachedTokens
		t.Requests += stats.Requests
		t.FlashBytes += stats.BytesRead
		t.FlashRate += m.flashRate
		t.Rate += stats.Rate
		t.Stall += stats.Stall.Seconds()
		for _, l := range stats.Layers {
			wanted, hits = wanted+l.Wanted, hits+l.Hits
		}
		u := memory(stats.Memory)
		v.Memory.Dense += u.Dense
		v.Memory.Experts += u.Experts
		v.Memory.KV += u.KV
		v.Memory.Prefix += u.Prefix
		v.Memory.Scratch += u.Scratch
		v.Memory.Heap += u.Heap
	}
	v.Totals.HitRatio = 1
	if wanted > 0 {
		v.Totals.HitRatio = float64(hits) / float64(wanted)
	}
}

func memory(u daemon.MemoryUse) api.Memory {
	return api.Memory{Dense: u.Dense, Experts: u.Experts, KV: u.KV, Prefix: u.Prefix, Scratch: u.Scratch, Heap: u.Heap}
}

// measured is a loaded model with what it has done.
type measured struct {
	daemon.Running
	stats     daemon.EngineStats
	flashRate float64
}

// loaded is those that have been opened.
func (s *Server) loaded() []measured {
	var all []measured
	now := time.Now()
	for _, m := range s.shelf.Running() {
		if m.Engine != nil {
			stats := m.Engine.Stats()
			all = append(all, measured{m, stats, s.rates.of(m.Engine, stats.BytesRead, now)})
		}
	}
	s.rates.forget(now)
	return all
}

// running is those that are loaded or being loaded.
func (s *Server) running(by daemon.Caller) []api.Model {
	all := []api.Model{}
	done := map[string]measured{}
	for _, m := range s.loaded() {
		done[m.Name] = m
	}
	for _, m := range s.shelf.Running() {
		v := model(m.ModelInfo, by.Admin)
		v.State, v.Loaded, v.LoadRate = m.State, m.Loaded, m.Rate
		v.Since, v.Expires, v.InUse = m.Since, m.Expires, m.InUse
		if m, ok := done[m.Name]; ok {
			working(&v, &m)
		}
		all = append(all, v)
	}
	return all
}

// working fills in what a loaded model does.
func working(v *api.Model, m *measured) {
	stats := &m.stats
	u := memory(stats.Memory)
	v.Memory, v.Budget, v.Resident = &u, stats.Memory.Budget, u.Dense+u.Experts
	v.HitRatio, v.FlashBytes, v.FlashRate, v.Stall = stats.HitRatio(), stats.BytesRead, m.flashRate, stats.Stall.Seconds()
	v.Context, v.ContextUsed = stats.Context, stats.ContextUsed
	v.Rate, v.Queued, v.Running = stats.Rate, stats.Queued, stats.Running
	v.FirstToken, v.BetweenToken = quantiles(&stats.FirstToken), quantiles(&stats.BetweenTokens)
	for _, l := range stats.Layers {
		ratio := 1.0
		if l.Wanted > 0 {
			ratio = float64(l.Hits) / float64(l.Wanted)
		}
		v.LayerHits = append(v.LayerHits, ratio)
	}
	elsewhere(v, stats)
}

// elsewhere fills in where else experts come from.
func elsewhere(v *api.Model, stats *daemon.EngineStats) {
	if len(stats.Disks) > 1 {
		for _, d := range stats.Disks {
			v.Disks = append(v.Disks, api.Disk{Name: d.Name, Path: d.Path, Down: d.Down, Reads: int64(d.Reads), Bytes: int64(d.Bytes), Busy: d.Busy.Seconds(), Failed: int64(d.Failed)})
		}
	}
	v.PlanRevision, v.Rounded = stats.PlanRevision, stats.Rounded
	for _, h := range stats.Hosts {
		v.Hosts = append(v.Hosts, api.Host{Name: h.Name, State: string(h.State), Why: h.Why, Asked: h.Asked, Late: h.Late, Failed: h.Failed,
			Experts: h.Experts, Instead: h.Instead, Sent: h.Sent, Received: h.Received, P50: h.P50.Seconds(), P99: h.P99.Seconds(),
			Moved: h.Moved, Hints: h.Hints, MoveP50: h.MoveP50.Seconds(), MoveP99: h.MoveP99.Seconds()})
	}
}

// model is one that there is.
func model(info daemon.ModelInfo, admin bool) api.Model {
	v := api.Model{Name: info.Name, Size: info.Size, Modified: info.Modified, Digest: info.Digest, Quantization: info.Quantization,
		Capabilities: info.Capabilities, Problem: info.Problem}
	if v.Capabilities == nil {
		v.Capabilities = []string{}
	}
	if admin {
		v.Path = info.Path
	}
	if h := info.Report; h != nil {
		v.Architecture, v.Parameters, v.Layers = h.Architecture, h.Parameters, h.Layers
		v.Experts, v.TopK, v.TrainContext = h.Experts, h.TopK, h.Context
	}
	return v
}

// models answers with those that there are, and what those that are loaded do.
func (s *Server) models(w http.ResponseWriter, r *http.Request) {
	by := daemon.CallerOf(r.Context())
	loaded := map[string]api.Model{}
	for _, m := range s.running(by) {
		loaded[m.Name] = m
	}
	standard, _ := s.shelf.Find("") // there may be none
	all := api.Models{Models: []api.Model{}}
	for _, info := range s.shelf.List() {
		m, ok := loaded[info.Name]
		if !ok {
			m = model(info, by.Admin)
		}
		m.Default = info.Name == standard.Name
		all.Models = append(all.Models, m)
	}
	reply(w, all)
}
