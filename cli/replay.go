package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func replayCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "replay",
		Usage:     "tell from a trace what a cache of experts would hit",
		ArgsUsage: "TRACE [flags]",
		Description: "Serves a recorded run (moed trace record) from memories of several sizes under several choices of\n" +
			"what to give up, and says how many of the experts would have been at hand and how much a token would\n" +
			"have read. belady knows the future: no choice does better. s3-fifo and tinylfu are caches of their own,\n" +
			"shown with --rule published.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "budget", Usage: "memory for experts: `SIZE[,SIZE...]` such as 2G,3000MiB or 25% of all experts", DefaultText: "a ladder from half a token's experts up"},
			&cli.StringFlag{Name: "policy", Usage: "`NAME[,NAME...]`, or all", DefaultText: "all"},
			&cli.StringFlag{Name: "rule", Usage: "`RULE` of the cache: store, as moed runs, or published, as others draw their curves", DefaultText: "store"},
			switchFlag("layers", "hits of each layer"),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return replay(c, u) },
	}
}

func replay(c *cli.Context, u *ui) error {
	o, err := replayOptions(c)
	if err != nil {
		return usageError{err}
	}
	var done, total atomic.Int64
	o.Observe = func(d, t int) {
		done.Store(int64(d))
		total.Store(int64(t))
	}
	stop := u.whileWaiting(func() string {
		if total.Load() == 0 {
			return "replaying " + clean(o.Trace)
		}
		return fmt.Sprintf("replaying %s: %d of %d done", clean(o.Trace), done.Load(), total.Load())
	})
	r, err := daemon.Replay(c.Context, o)
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case err != nil:
		return err
	}
	if r.Note != "" {
		u.sayf("%s: %s", clean(o.Trace), r.Note)
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, r)
	}
	return writeReplay(u.std.Out, r, c.Bool("layers"))
}

func replayOptions(c *cli.Context) (o daemon.ReplayOptions, err error) {
	if c.NArg() != 1 {
		return o, fmt.Errorf("replay wants one trace, found %d words", c.NArg())
	}
	o = daemon.ReplayOptions{Trace: c.Args().First(), Rule: c.String("rule"), Layers: c.Bool("layers")}
	if o.Budgets, err = list(c, "budget"); err != nil {
		return o, err
	}
	if o.Policies, err = list(c, "policy"); err != nil {
		return o, err
	}
	if slices.Contains(o.Policies, "all") {
		o.Policies = nil
	}
	return o, o.Check()
}

// list is a flag's words with commas between them.
func list(c *cli.Context, flag string) ([]string, error) {
	words := strings.FieldsFunc(c.String(flag), func(r rune) bool { return r == ',' || r == ' ' })
	if c.IsSet(flag) && len(words) == 0 {
		return nil, fmt.Errorf("--%s is empty", flag)
	}
	return words, nil
}

func writeReplay(out io.Writer, r *daemon.ReplayResult, layers bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "trace\t%s: %d texts, %d tokens read and %d made\n", clean(r.Trace), r.Texts, r.PromptTokens, r.Tokens)
	fmt.Fprintf(w, "model\t%s, %s; %d of %d experts in %d layers\n", clean(r.Model), clean(r.Arch), r.TopK, r.Experts, r.Layers)
	fmt.Fprintf(w, "experts\t%s in all, %s of them used here\n", bytesText(r.ExpertBytes), bytesText(r.Used))
	fmt.Fprintf(w, "cycle\t%s are one token's experts%s\n", bytesText(r.Cycle), cliffText(r))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range []struct {
		title string
		cell  func(b *daemon.ReplayBudget, p *daemon.ReplayPolicy) string
	}{
		{"at hand when wanted, %", func(_ *daemon.ReplayBudget, p *daemon.ReplayPolicy) string {
			return fmt.Sprintf("%.1f", 100*p.HitRatio)
		}},
		{"of belady's hits, %", func(_ *daemon.ReplayBudget, p *daemon.ReplayPolicy) string {
			return fmt.Sprintf("%.1f", 100*p.BeladyShare)
		}},
		{"read per token", func(_ *daemon.ReplayBudget, p *daemon.ReplayPolicy) string { return bytesText(int64(p.TokenBytes)) }},
	} {
		if err := writeCurves(out, r, t.title, t.cell); err != nil {
			return err
		}
	}
	if !layers {
		return nil
	}
	for i := range r.Budgets {
		if err := writeReplayLayers(out, &r.Budgets[i]); err != nil {
			return err
		}
	}
	return nil
}

// cliffText says which budgets lie below the token cycle, and what that means.
func cliffText(r *daemon.ReplayResult) string {
	var below []string
	for _, b := range r.Budgets {
		if b.BelowCycle {
			below = append(below, bytesText(b.Bytes))
		}
	}
	if below == nil {
		return ""
	}
	return "; in less (" + strings.Join(below, ", ") + ") lru gives up each just before it is wanted again"
}

// writeCurves writes a row for each policy and a column for each budget.
func writeCurves(out io.Writer, r *daemon.ReplayResult, title string, cell func(*daemon.ReplayBudget, *daemon.ReplayPolicy) string) error {
	fmt.Fprintf(out, "\n%s\n", title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i := range r.Budgets {
		fmt.Fprintf(w, "\t%s", bytesText(r.Budgets[i].Bytes))
	}
	fmt.Fprintln(w, "\t")
	for i := range everyPolicy(&r.Budgets[0]) {
		fmt.Fprint(w, everyPolicy(&r.Budgets[0])[i].Policy)
		for k := range r.Budgets {
			b := &r.Budgets[k]
			fmt.Fprintf(w, "\t%s", cell(b, &everyPolicy(b)[i]))
		}
		fmt.Fprintln(w, "\t")
	}
	return w.Flush()
}

// everyPolicy is belady and the policies.
func everyPolicy(b *daemon.ReplayBudget) []daemon.ReplayPolicy {
	return append([]daemon.ReplayPolicy{b.Belady}, b.Policies...)
}

func writeReplayLayers(out io.Writer, b *daemon.ReplayBudget) error {
	fmt.Fprintf(out, "\nat hand in %s, %%\n", bytesText(b.Bytes))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "layer\twanted\t")
	all := everyPolicy(b)
	for _, p := range all {
		fmt.Fprintf(w, "%s\t", p.Policy)
	}
	fmt.Fprintln(w)
	for i, l := range b.Belady.Layers {
		fmt.Fprintf(w, "%d\t%d\t", l.Layer, l.Wanted)
		for _, p := range all {
			fmt.Fprintf(w, "%.1f\t", percent(int64(p.Layers[i].Hits), int64(l.Wanted)))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
