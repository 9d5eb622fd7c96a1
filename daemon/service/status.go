package service

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"moed/daemon"
)

// statusLine is how things stand, in a line: glm-4.5-air 43% loaded, 5.1/6.0 GiB, 2 queued.
func statusLine(running []daemon.Running, requests []daemon.RequestInfo, total, used int64) string {
	var parts []string
	for _, r := range running {
		switch r.State {
		case daemon.StateLoading:
			parts = append(parts, fmt.Sprintf("%s %.0f%% loaded", r.Name, 100*r.Loaded))
		default:
			parts = append(parts, r.Name+" "+r.State)
		}
	}
	if len(running) == 0 {
		parts = append(parts, "no model loaded")
	}
	const gib = 1 << 30
	parts = append(parts, fmt.Sprintf("%.1f/%.1f GiB", float64(used)/gib, float64(total)/gib))
	queued := 0
	for _, r := range requests {
		if r.Phase == daemon.PhaseQueued || r.Phase == daemon.PhaseLoading {
			queued++
		}
	}
	if n := len(requests) - queued; n > 0 {
		parts = append(parts, fmt.Sprintf("%d answered", n))
	}
	if queued > 0 {
		parts = append(parts, fmt.Sprintf("%d queued", queued))
	}
	return strings.Join(parts, ", ")
}

func (s *service) statusLine() string {
	total, used := s.shelf.Budget()
	return statusLine(s.shelf.Running(), s.shelf.Requests(), total, used)
}

// dump writes to the log what is loaded and under way, without content.
func (s *service) dump() {
	total, used := s.shelf.Budget()
	s.log.Info("state", "budget", total, "used", used, "busy", s.shelf.Busy(), "steps", s.shelf.Steps(), "goroutines", runtime.NumGoroutine())
	for _, r := range s.shelf.Running() {
		s.log.Info("state of a model", "model", r.Name, "state", r.State, "loaded", r.Loaded, "in_use", r.InUse, "since", r.Since)
	}
	for _, r := range s.shelf.Requests() {
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "state of a request", slog.String("id", r.ID), slog.String("model", r.Model),
			slog.Any("uid", r.UID), slog.String("phase", r.Phase), slog.Time("began", r.Began), slog.Int("prompt_tokens", r.Prompt),
			slog.Int("read_tokens", r.Read), slog.Int("generated_tokens", r.Generated))
	}
}
