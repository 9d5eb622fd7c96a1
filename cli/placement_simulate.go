package cli

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"moed/placement"
)

// placedRun is one simulated run.
type placedRun struct {
	Hosts int    `json:"hosts"`
	Note  string `json:"note,omitempty"` // why there is no run
	*placement.Run
}

// simulate replays the tokens judged on the plan.
func (w *placer) simulate(plan *placement.Plan) error {
	w.say("simulating")
	run, err := placement.Simulate(w.judged, plan.Assignment, w.o.timing)
	if err != nil {
		return err
	}
	w.report.Runs = append(w.report.Runs, placedRun{Hosts: w.report.Hosts, Run: run})
	return nil
}

// sweep plans for and simulates numbers of hosts that are like the first device.
func (w *placer) sweep() error {
	first := w.list.Devices[0]
	for _, n := range w.o.hosts {
		w.say("planning for %d hosts", n)
		w.list.Devices = make([]listedDevice, n)
		for i := range w.list.Devices {
			d := first
			d.Name = fmt.Sprintf("host%d", i+1)
			d.Host = d.Name
			w.list.Devices[i] = d
		}
		w.list.Links, w.list.Home = nil, ""
		made := w.problem()
		made.Usage = w.made.Usage
		judged := *made
		judged.Usage = w.judged.Usage
		plan, err := placement.Solve(made, w.o.solve)
		if errors.Is(err, placement.ErrNoRoom) {
			w.report.Runs = append(w.report.Runs, placedRun{Hosts: n, Note: "no room for all experts"})
			continue
		}
		if err != nil {
			return err
		}
		w.say("simulating %d hosts", n)
		run, err := placement.Simulate(&judged, plan.Assignment, w.o.timing)
		if err != nil {
			return err
		}
		w.report.Runs = append(w.report.Runs, placedRun{Hosts: n, Run: run})
	}
	return nil
}

func writeRuns(out io.Writer, r *placementReport) error {
	if len(r.Runs) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nHOSTS\tTOKENS/S\tTIME/TOKEN\tP50\tP99\tMESSAGES\tBYTES SENT")
	for _, run := range r.Runs {
		if run.Run == nil {
			fmt.Fprintf(w, "%d\t%s\n", run.Hosts, run.Note)
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%.1f\t%s\n", run.Hosts, rateText(run.Rate), timeText(run.PerToken), timeText(run.P50), timeText(run.P99),
			run.Messages, bytesText(int64(run.Run.Bytes)))
	}
	return w.Flush()
}
