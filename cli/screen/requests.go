package screen

import (
	"fmt"

	"moed/daemon/api"
)

// requestLines is the table of requests with its rule and its head, and at most
// room of them. Where there are more, the chosen one is among those shown.
func requestLines(s *State, requests []api.Request, l Look, room int) []string {
	sorted := s.Sort
	if sorted == "" {
		sorted = SortAge
	}
	title := fmt.Sprintf("%d requests by %s", len(requests)+s.Status.Others, sorted)
	if s.Status.Others > 0 {
		title += fmt.Sprintf(", %d of other users", s.Status.Others)
	}
	named := max(8, l.Width-72)
	lines := []string{rule(l, title), newLine(l).say("  %-14s %-8s %-8s %-*s %-9s %11s %6s %7s", "ID", "USER", "PID", named, "MODEL", "PHASE", "PROMPT", "NEW", "TOK/S").String()}
	room = max(0, room)
	first := 0
	for i, r := range requests {
		if r.ID == s.Chosen && i >= room {
			first = i - room + 1
		}
	}
	for _, r := range requests[first:min(len(requests), first+room)] {
		look, mark := ink(plain), " "
		if r.ID == s.Chosen {
			look, mark = style{ink: plain, paper: plain, reverse: true}, ">"
		}
		line := newLine(l).putf(look, "%s %s %s %-8d %s %s %11s %6d %7.1f", mark, fit(r.ID, 14), fit(user(r), 8), r.PID, fit(r.Model, named), fit(phase(r, s), 9), fmt.Sprintf("%d/%d", r.Read, r.Prompt), r.Generated, r.Rate)
		lines = append(lines, line.String())
	}
	return lines
}

func user(r api.Request) string {
	if r.Token != "" {
		return r.Token
	}
	return fmt.Sprint(r.UID)
}

// phase is what r does, or for how long it has waited.
func phase(r api.Request, s *State) string {
	switch {
	case r.Phase == "prefill" && r.Prompt > 0:
		return fmt.Sprintf("read %d%%", 100*r.Read/r.Prompt)
	case r.Phase == "queued":
		return "wait " + age(s.Now.Sub(r.Began))
	}
	return r.Phase
}
