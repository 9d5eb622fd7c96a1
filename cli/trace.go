package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func traceCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "trace",
		Usage:     "record which experts a model uses",
		ArgsUsage: "record [MODEL] [flags]",
		Description: "Reads each text of a file, goes on with it greedily, and writes what the routers choose to a file\n" +
			"for moed replay. Without MODEL, a GGUF file, the built-in story model runs.\n\n" +
			"In the file of texts each line is one; if the first is a JSON object like {\"prompt\": \"...\"}, all are.\n" +
			"A trace names the tokens of the texts and is as private as they are: only you may read it. Ctrl-C keeps\n" +
			"what was recorded; what a killed run leaves beside FILE, named .partial, can be replayed too.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "prompts", Usage: "`FILE` of texts", DefaultText: "one ordinary text"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "the model's name with .trace or .csv"},
			&cli.IntFlag{Name: "tokens", Aliases: []string{"n"}, Usage: "make at most `N` tokens after each text", DefaultText: "64"},
			switchFlag("raw", "give the texts to the model as they are, without its chat template"),
			switchFlag("csv", "write CSV, as other tools read it; no probabilities"),
			switchFlag("no-probs", "leave out what the routers think of the experts that they do not choose"),
			&cli.StringFlag{Name: "policy", Usage: "`NAME` of the choice of what to keep", DefaultText: "the recommended one"},
			&cli.IntFlag{Name: "ahead", Usage: "read for `N` layers ahead; -1 is not at all", DefaultText: "2"},
			switchFlag("exact", "keep every bit of weights and probabilities, for four times the room"),
			switchFlag("json", "print JSON"),
		}, engineFlags()...),
		Action: func(c *cli.Context) error { return traceRecord(c, u) },
	}
}

func traceRecord(c *cli.Context, u *ui) error {
	o, err := traceOptions(c)
	if err != nil {
		return usageError{err}
	}
	var last atomic.Pointer[daemon.TraceProgress]
	o.Observe = func(p daemon.TraceProgress) { last.Store(&p) }
	done := u.whileWaiting(func() string {
		p := last.Load()
		if p == nil {
			return "reading the first text"
		}
		return fmt.Sprintf("recording text %d of %d, %d tokens made", p.Text, p.Texts, p.Tokens)
	})
	r, err := daemon.TraceRecord(c.Context, o)
	done()
	stopped := errors.Is(err, context.Canceled)
	switch {
	case err != nil && r == nil && stopped:
		u.sayf("interrupted before anything was recorded")
		return errInterrupted
	case errors.Is(err, daemon.ErrTraceExists):
		return withHint(err, "remove it, or choose another name with -o")
	case err != nil && r == nil:
		return explain(err, o.Model)
	case stopped:
		u.sayf("interrupted; what was recorded until then is kept")
	case err != nil:
		u.sayf("what was recorded until it failed is kept in %s", r.Out)
		return explain(err, o.Model)
	}
	if c.Bool("json") {
		err = writeJSON(u.std.Out, r)
	} else {
		err = writeTrace(u.std.Out, r)
	}
	if stopped {
		return errInterrupted
	}
	return err
}

func traceOptions(c *cli.Context) (o daemon.TraceOptions, err error) {
	if c.NArg() < 1 || c.NArg() > 2 || c.Args().First() != "record" {
		return o, fmt.Errorf("trace wants the word record and at most one model, found %q", strings.Join(c.Args().Slice(), " "))
	}
	o = daemon.TraceOptions{
		Config:  configOf(c),
		Prompts: c.String("prompts"), Out: c.String("out"), Tokens: c.Int("tokens"),
		Raw: c.Bool("raw"), CSV: c.Bool("csv"), NoProbs: c.Bool("no-probs"), Exact: c.Bool("exact"),
	}
	o.Model = c.Args().Get(1)
	o.Flash.Policy, o.Flash.Ahead = c.String("policy"), c.Int("ahead")
	return o, o.Check()
}

func writeTrace(out io.Writer, r *daemon.TraceResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	probs := "without probabilities"
	if r.Probs {
		probs = "with the probabilities of all experts"
	}
	fmt.Fprintf(w, "file\t%s, %s, %s\n", clean(r.Out), bytesText(r.Bytes), probs)
	fmt.Fprintf(w, "model\t%s\n", clean(r.Model))
	fmt.Fprintf(w, "texts\t%d with %d tokens, %d more made\n", r.Texts, r.PromptTokens, r.Tokens)
	fmt.Fprintf(w, "visits\t%d of layers in %.1f s\n", r.Visits, r.Seconds)
	if l := r.Live; l != nil {
		fmt.Fprintf(w, "live\t%.1f %% at hand when wanted after the prompts, in %s; %s policy, %d layers ahead\n",
			100*l.HitRatio, bytesText(l.ExpertBytes), l.Policy, l.Ahead)
	}
	return w.Flush()
}
