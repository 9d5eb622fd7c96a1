package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"moed/placement"
)

// The names of plans that the plan is held against.
const (
	planName      = "this plan"
	controlName   = "shuffled"
	frequencyName = "frequency"
	stripeName    = "round-robin"
	randomName    = "random"
)

// placementReport is what moed place found. Times are nanoseconds.
type placementReport struct {
	Model   string `json:"model"`
	Trace   string `json:"trace"`
	Layers  int    `json:"layers"` // with experts
	Experts int    `json:"experts"`
	Bytes   int64  `json:"bytes"`

	TokensMade   int     `json:"tokens_planned"` // that the plan is made from
	TokensJudged int     `json:"tokens_judged"`
	HeldOut      bool    `json:"held_out"` // these are others
	Split        float64 `json:"split"`

	Hosts  int    `json:"hosts"`
	Home   string `json:"home"`
	Moving bool   `json:"moving"`
	Goal   string `json:"goal"`
	Copies int    `json:"copies"`

	Solver  string           `json:"solver,omitempty"`  // whose the plan is
	Seconds float64          `json:"seconds,omitempty"` // of planning
	Optimal bool             `json:"optimal"`           // for the tokens that it is made from
	Bound   *placement.Bound `json:"bound,omitempty"`   // for the same
	Gap     float64          `json:"gap"`
	From    string           `json:"from,omitempty"`
	Moved   int64            `json:"moved"` // bytes

	Plans   []placedPlan   `json:"plans,omitempty"` // the first is the one that was made or read
	Devices []placedDevice `json:"devices,omitempty"`
	Verdict []string       `json:"verdict,omitempty"`
	Runs    []placedRun    `json:"simulation,omitempty"`
	Out     string         `json:"out,omitempty"`
	Picture string         `json:"svg,omitempty"`
	Notes   []string       `json:"notes,omitempty"`
}

// placedPlan is what a plan costs for the tokens that it is made from, and for
// those that it is judged on.
type placedPlan struct {
	Name   string         `json:"name"`
	Made   placement.Cost `json:"planned"`
	Judged placement.Cost `json:"judged"`
}

// placedDevice is a device of the plan, with its load on the tokens judged.
type placedDevice struct {
	placement.Load
	Host     string `json:"host"`
	Path     string `json:"path,omitempty"`
	Capacity int64  `json:"capacity"`
}

// writePlacement prints r for people.
func writePlacement(out io.Writer, r *placementReport) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("experts", "%d in %d layers of %s, %s", r.Experts, r.Layers, clean(r.Model), bytesText(r.Bytes))
	tokens := fmt.Sprintf("%d tokens of %s", r.TokensMade, clean(r.Trace))
	if r.HeldOut {
		tokens += fmt.Sprintf("; judged on the other %d", r.TokensJudged)
	}
	row("made from", "%s", tokens)
	row("goal", "%s", goalText(r))
	if r.Bound != nil {
		row("bound", "%s", boundText(r))
	}
	if r.From != "" {
		row("moved", "%s, from %s", bytesText(r.Moved), clean(r.From))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := writePlans(out, r); err != nil {
		return err
	}
	if err := writePlacedDevices(out, r); err != nil {
		return err
	}
	if err := writeRuns(out, r); err != nil {
		return err
	}
	if len(r.Verdict) > 0 {
		fmt.Fprintln(out)
	}
	for _, line := range r.Verdict {
		fmt.Fprintf(out, "%s\n", clean(line))
	}
	if r.Out != "" || r.Picture != "" {
		fmt.Fprintln(out)
	}
	for _, f := range []struct{ name, path string }{{"plan", r.Out}, {"picture", r.Picture}} {
		if f.path != "" {
			fmt.Fprintf(out, "%s written to %s\n", f.name, clean(f.path))
		}
	}
	return nil
}

func goalText(r *placementReport) string {
	text := "least time per token"
	if r.Goal == string(placement.Hops) {
		text = "fewest hops between devices"
	}
	if r.Hosts > 1 {
		text += fmt.Sprintf(", which starts on %s", clean(r.Home))
		if r.Moving {
			text += " and stays where its experts are"
		} else {
			text += " and comes back after each layer"
		}
	}
	if r.Copies > 1 {
		text += fmt.Sprintf("; up to %d copies of an expert", r.Copies)
	}
	return text
}

// boundText says how good the plan is for the tokens that it is made from.
func boundText(r *placementReport) string {
	value := "no plan takes less than " + timeText(time.Duration(r.Bound.Value))
	if r.Goal == string(placement.Hops) {
		value = fmt.Sprintf("no plan keeps more than %.1f %% local", 100*r.Bound.Value)
	}
	switch {
	case r.Optimal:
		return "proven: there is no better plan for these tokens"
	case r.Bound.Value <= 0:
		return fmt.Sprintf("none that says anything (%s)", clean(r.Bound.Method))
	}
	return fmt.Sprintf("%s (%s); the plan is within %.1f %%", value, clean(r.Bound.Method), 100*r.Gap)
}

func writePlans(out io.Writer, r *placementReport) error {
	if len(r.Plans) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := "\nPLAN\tTIME/TOKEN\tHOPS/TOKEN\tLOCAL\tSAME HOST\tBALANCE"
	if r.HeldOut {
		head += "\tWHERE MADE\tLOCAL"
	}
	fmt.Fprintln(w, head)
	for i := range r.Plans {
		p := &r.Plans[i]
		j := &p.Judged
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.1f %%\t%.1f %%\t%.2f", p.Name, timeText(j.Time), j.Hops, 100*j.Local, 100*j.Near, j.Balance)
		if r.HeldOut {
			fmt.Fprintf(w, "\t%s\t%.1f %%", timeText(p.Made.Time), 100*p.Made.Local)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

const mostRows = 40 // of a table of devices

func writePlacedDevices(out io.Writer, r *placementReport) error {
	if len(r.Devices) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nDEVICE\tHOST\tEXPERTS\tBYTES\tFULL\tTIME/TOKEN\tSHARE")
	for i, d := range r.Devices {
		if i == mostRows {
			fmt.Fprintf(w, "and %d more\n", len(r.Devices)-i)
			break
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%.0f %%\t%s\t%.1f %%\n", clean(d.Name), clean(d.Host), d.Experts, bytesText(d.Bytes),
			100*float64(d.Bytes)/float64(max(1, d.Capacity)), timeText(d.Time), 100*d.Share)
	}
	return w.Flush()
}

// timeText gives d with three digits.
func timeText(d time.Duration) string {
	switch {
	case d >= time.Second:
		return rateText(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return rateText(d.Seconds()*1e3) + " ms"
	}
	return rateText(d.Seconds()*1e6) + " µs"
}
