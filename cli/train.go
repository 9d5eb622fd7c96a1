package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func trainCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "train-predictor",
		Usage:     "learn from a trace which experts a model is going to use",
		ArgsUsage: "[MODEL.gguf] --trace T [-o FILE] [--json]",
		Description: "Trains a small predictor that names the experts of all layers before a token's first layer runs, and\n" +
			"tells how many it names of texts that it was not trained on. Some thousand tokens are needed:\n" +
			"moed trace record MODEL --prompts FILE -o T records them. Without MODEL it is for the built-in model.\n\n" +
			"Its file is put beside the model, or in your state directory where you may not write there. It\n" +
			"names the tokens that the trace has, not their order; only you may read it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "trace", Usage: "learn from `T`, a recorded run of the model"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "the model's name with .path"},
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return train(c, u) },
	}
}

func train(c *cli.Context, u *ui) error {
	if c.NArg() > 1 {
		return usagef("train-predictor wants one model, found %d words", c.NArg())
	}
	o := daemon.TrainOptions{Model: c.Args().First(), Trace: c.String("trace"), Out: c.String("out")}
	recording := "moed trace record --prompts FILE -o T"
	if o.Model != "" {
		recording = "moed trace record " + clean(o.Model) + " --prompts FILE -o T"
	}
	if o.Trace == "" {
		return withHint(usagef("train-predictor wants a trace of the model"), "%s records one; then --trace T", recording)
	}
	var last atomic.Pointer[daemon.TrainProgress]
	o.Observe = func(p daemon.TrainProgress) { last.Store(&p) }
	done := u.whileWaiting(func() string { return trainText(last.Load()) })
	r, err := daemon.Train(c.Context, o)
	done()
	switch {
	case errors.Is(err, context.Canceled):
		u.sayf("interrupted; nothing was written")
		return errInterrupted
	case errors.Is(err, daemon.ErrTrainTrace), errors.Is(err, daemon.ErrTrainShort):
		return withHint(err, "%s records one, with some thousand tokens of the texts that you work with", recording)
	case errors.Is(err, daemon.ErrTrainOut):
		return withHint(err, "remove it, or choose another name with -o")
	case errors.Is(err, os.ErrNotExist):
		return withHint(err, "it wants a GGUF file and a trace of it; %s records one", recording)
	case err != nil:
		return err
	}
	if r.Note != "" {
		u.sayf("%s: %s", clean(o.Trace), r.Note)
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, r)
	}
	return writeTrain(u.std.Out, r)
}

// trainText is the line of a training that is so far; nil is at its start.
func trainText(p *daemon.TrainProgress) string {
	if p == nil {
		return "reading the trace"
	}
	line := fmt.Sprintf("training: round %d of at most %d, %.0f %%", p.Epoch, p.Epochs, 100*p.Share)
	if p.Loss > 0 {
		line += fmt.Sprintf(", held-out loss %.4g, best %.4g", p.Loss, p.Best)
	}
	return line
}

// trainGroups is how many groups the layers are shown in.
const trainGroups = 4

func writeTrain(out io.Writer, r *daemon.TrainResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "file\t%s, %s\n", clean(r.Out), bytesText(r.Bytes))
	fmt.Fprintf(w, "model\t%s\n", clean(r.Model))
	fmt.Fprintf(w, "learned from\t%d tokens of %d texts, %d different ones seen twice\n", r.Trained+r.Stopped, r.Texts, r.Known)
	fmt.Fprintf(w, "judged on\t%d tokens that it has not seen\n", r.Judged)
	fmt.Fprintf(w, "time\t%.1f s\n", r.Seconds)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nexperts named, of the %d chosen\tpredictor\tpopularity\tprevious token\tshuffled\n", r.TopK)
	row := func(name string, x daemon.TrainRecall) {
		fmt.Fprintf(w, "%s\t%.1f %%\t%.1f %%\t%.1f %%\t%.1f %%\n", name, 100*x.Path, 100*x.Popular, 100*x.Previous, 100*x.Shuffled)
	}
	n := len(r.Layers)
	for g := range min(trainGroups, n) {
		group := r.Layers[g*n/min(trainGroups, n) : (g+1)*n/min(trainGroups, n)]
		name := fmt.Sprintf("layer %d", group[0].Layer)
		if len(group) > 1 {
			name = fmt.Sprintf("layers %d to %d", group[0].Layer, group[len(group)-1].Layer)
		}
		row(name, daemon.MeanRecall(group))
	}
	row("all layers", r.TrainRecall)
	return w.Flush()
}
