package cli

import (
	"fmt"
	"slices"
	"time"

	"moed/placement"
)

// verdict says in plain words what the plan is worth, and what of it comes from
// affinity: from which experts of adjacent layers go together.
func (w *placer) verdict() []string {
	where := "on tokens that no plan was made from"
	if !w.report.HeldOut {
		where = "on the tokens that it was made from"
	}
	if w.o.solve.Goal == placement.Hops {
		return w.verdictOnHops(where)
	}
	ours := w.judgedTime(planName)
	lines := []string{fmt.Sprintf("%s the plan takes %s than round-robin and %s than frequency alone", where,
		than(ours, w.judgedTime(stripeName)), than(ours, w.judgedTime(frequencyName)))}
	control := w.judgedTime(controlName)
	switch {
	case control > 0 && ours >= control*99/100:
		lines = append(lines, fmt.Sprintf("affinity between layers is worth nothing here: a plan made from shuffled tokens, which have none, takes %s", timeText(control)))
	case control > 0:
		lines = append(lines, fmt.Sprintf("of that, affinity between layers is worth %.1f %%: a plan made from shuffled tokens, which have none, takes %s", 100*(1-float64(ours)/float64(control)), timeText(control)))
	case w.o.plan == "" && w.report.Hosts > 1:
		lines = append(lines, "affinity between layers is worth no time here, since tokens come home after each layer; what counts is which experts of one layer go together")
	case w.o.plan == "":
		lines = append(lines, "affinity between layers is worth no time on one host; what counts is which experts of one layer go together")
	}
	return lines
}

func (w *placer) verdictOnHops(where string) []string {
	ours, stripe := w.find(planName).Judged, w.find(stripeName).Judged
	lines := []string{fmt.Sprintf("%s the plan keeps %.1f %% of pairs local, round-robin %.1f %%, frequency alone %.1f %%", where,
		100*ours.Local, 100*stripe.Local, 100*w.find(frequencyName).Judged.Local)}
	control := w.find(controlName)
	if control == nil {
		return lines
	}
	gain := 100 * (ours.Local - control.Judged.Local)
	if gain < 1 {
		return append(lines, fmt.Sprintf("affinity between layers is worth nothing here: a plan made from shuffled tokens, which have none, keeps %.1f %%", 100*control.Judged.Local))
	}
	return append(lines, fmt.Sprintf("affinity between layers is worth %.1f points of that: a plan made from shuffled tokens, which have none, keeps %.1f %%", gain, 100*control.Judged.Local))
}

// find is the plan of that name, nil where there is none.
func (w *placer) find(name string) *placedPlan {
	i := slices.IndexFunc(w.report.Plans, func(p placedPlan) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &w.report.Plans[i]
}

// judgedTime is the plan's time per token, 0 where there is none.
func (w *placer) judgedTime(name string) time.Duration {
	if p := w.find(name); p != nil {
		return p.Judged.Time
	}
	return 0
}

// than says how much less or more time a is than b.
func than(a, b time.Duration) string {
	if b == 0 {
		return "no more time"
	}
	change := 100 * (float64(a)/float64(b) - 1)
	switch {
	case change <= -0.05:
		return fmt.Sprintf("%.1f %% less time", -change)
	case change >= 0.05:
		return fmt.Sprintf("%.1f %% more time", change)
	}
	return "no less time"
}
