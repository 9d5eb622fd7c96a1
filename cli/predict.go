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

func predictCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Usage:     "tell how well a model's next experts can be foretold",
		ArgsUsage: "eval [MODEL.gguf|TRACE] [flags]",
		Description: "Runs a model greedily, or reads a recorded run (moed trace record), and says how many of the experts\n" +
			"that each layer chose were named one and two layers before: by the mixer, which is what reads ahead, by\n" +
			"each of its sources alone, and by the mixer for another token (shuffled), which is what can be had\n" +
			"without knowing the token. Then how often what was said with some probability came true. Without\n" +
			"MODEL the built-in story model runs. A trace has no hidden states, so the gate has nothing to say.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "prompts", Usage: "`FILE` of texts, one a line", DefaultText: "one ordinary text"},
			&cli.IntFlag{Name: "tokens", Aliases: []string{"n"}, Usage: "make at most `N` tokens after each text", DefaultText: "64"},
			switchFlag("raw", "give the texts to the model as they are, without its chat template"),
			switchFlag("json", "print JSON"),
		}, engineFlags()...),
		Action: func(c *cli.Context) error { return predict(c, u) },
	}
}

func predict(c *cli.Context, u *ui) error {
	if c.NArg() < 1 || c.NArg() > 2 || c.Args().First() != "eval" {
		return usagef("predict wants the word eval and at most one model or trace, found %q", strings.Join(c.Args().Slice(), " "))
	}
	o := daemon.PredictOptions{Config: configOf(c), Prompts: c.String("prompts"), Tokens: c.Int("tokens"), Raw: c.Bool("raw")}
	o.Model = c.Args().Get(1)
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	var last atomic.Pointer[daemon.TraceProgress]
	o.Observe = func(p daemon.TraceProgress) { last.Store(&p) }
	done := u.whileWaiting(func() string {
		p := last.Load()
		if p == nil {
			return "reading"
		}
		return fmt.Sprintf("following text %d of %d, %d tokens made", p.Text, p.Texts, p.Tokens)
	})
	r, err := daemon.PredictEval(c.Context, o)
	done()
	stopped := errors.Is(err, context.Canceled)
	switch {
	case stopped && (r == nil || r.Tokens == 0):
		return errInterrupted
	case stopped:
		u.sayf("interrupted; this is of the tokens until then")
	case err != nil:
		return explain(err, o.Model)
	}
	if r.Note != "" {
		u.sayf("%s", r.Note)
	}
	if c.Bool("json") {
		err = writeJSON(u.std.Out, r)
	} else {
		err = writePredict(u.std.Out, r)
	}
	if stopped {
		return errInterrupted
	}
	return err
}

func writePredict(out io.Writer, r *daemon.PredictResult) error {
	kind := "run"
	if r.Trace {
		kind = "recorded"
	}
	fmt.Fprintf(out, "%s, %s: %d texts, %d tokens one by one; a token chooses %d experts\n", clean(r.Model), kind, r.Texts, r.Tokens, r.TopK)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nnamed of what was chosen, %%\nlayer\tfrom before\tmixer\tgate\ttoken\ttransition\tpath\tpopularity\tprevious\tshuffled\terror\t\n")
	for _, s := range append(r.Scores[:len(r.Scores):len(r.Scores)], r.All...) {
		layer := fmt.Sprint(s.Layer)
		if s.Layer < 0 {
			layer = "all"
		}
		x := &s.Recall
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", layer, s.Distance, shareText(&x.Mixer), shareText(x.Gate), shareText(x.Token),
			shareText(x.Transition), shareText(x.Path), shareText(x.Popularity), shareText(x.Previous), shareText(&x.Shuffled), shareText(&s.Error))
	}
	for _, s := range r.All {
		fmt.Fprintf(w, "\nfrom %d before\nguesses\tsaid\tcame true\t\n", s.Distance)
		for _, b := range s.Bins {
			if b.Guesses > 0 {
				fmt.Fprintf(w, "%d\t%s\t%s\t\n", b.Guesses, shareText(&b.Said), shareText(&b.Happened))
			}
		}
	}
	return w.Flush()
}

// shareText is a share, or a dash for none.
func shareText(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100**x)
}
