package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func benchCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure how fast a model runs here",
		ArgsUsage: "[MODEL] [flags]",
		Description: "Decodes greedily, on past an end of text, so that the same command makes the same tokens.\n" +
			"MODEL is a GGUF file or the name of a model; without one the built-in story model runs.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "prompt", Usage: "`TEXT` to begin with", DefaultText: strconv.Quote(daemon.DefaultBenchPrompt)},
			&cli.IntFlag{Name: "prompt-tokens", Usage: "begin with `P` tokens of an ordinary text", DefaultText: "the prompt's"},
			&cli.StringFlag{Name: "prompt-ids", Usage: "begin with the token ids `1,2,3`"},
			&cli.IntFlag{Name: "tokens", Aliases: []string{"n"}, Usage: "make `N` tokens", DefaultText: "32, or as many as teacher ids"},
			&cli.StringFlag{Name: "teacher-ids", Usage: "feed the ids `4,5,6` in place of the model's own choices"},
			&cli.IntFlag{Name: "top-logits", Usage: "report the `K` largest logits of each position, in JSON", DefaultText: "none"},
			&cli.StringFlag{Name: "backend", Usage: "read experts by `WAY`: direct, buffered or mapped", DefaultText: "what measures best here"},
			&cli.StringFlag{Name: "policy", Usage: "`NAME` of the choice of what to keep", DefaultText: "the recommended one"},
			&cli.IntFlag{Name: "ahead", Usage: "read for `N` layers ahead; -1 is not at all", DefaultText: "2"},
			&cli.StringFlag{Name: "disk-rate", Usage: "pretend that the disk gives only `SIZE` per second, such as 500M", DefaultText: "as it is"},
			&cli.IntFlag{Name: "streams", Usage: "make `N` answers at once, beginning at different places of the prompt, and compare with one"},
			&cli.IntFlag{Name: "beside", Usage: "with --streams: read a prompt of `P` tokens beside one answer", DefaultText: "none"},
			switchFlag("layers", "hits of each layer"),
			switchFlag("json", "print JSON"),
		}, engineFlags()...),
		Action: func(c *cli.Context) error { return bench(c, u) },
	}
}

func bench(c *cli.Context, u *ui) error {
	o, err := benchOptions(c)
	if err != nil {
		return usageError{err}
	}
	if c.IsSet("streams") {
		return benchStreams(c, u, o)
	}
	if c.IsSet("beside") {
		return usagef("--beside goes with --streams")
	}
	done := u.whileWaiting(func() string { return "measuring " + modelText(o.Model) })
	r, err := daemon.Bench(c.Context, o)
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case err != nil:
		return explain(err, o.Model)
	case c.Bool("json"):
		return writeJSON(u.std.Out, r)
	}
	return writeBench(u.std.Out, r, c.Bool("layers"))
}

func benchOptions(c *cli.Context) (o daemon.BenchOptions, err error) {
	if c.NArg() > 1 {
		return o, fmt.Errorf("bench wants one model, found %d words: %s", c.NArg(), strings.Join(c.Args().Slice(), " "))
	}
	o = daemon.BenchOptions{
		Config: configOf(c),
		Prompt: c.String("prompt"), PromptTokens: c.Int("prompt-tokens"),
		Tokens: c.Int("tokens"), TopLogits: c.Int("top-logits"),
	}
	if o.Model, err = modelFile(c.Args().First()); err != nil {
		return o, err
	}
	o.Flash.Backend, o.Flash.Policy, o.Flash.Ahead, o.Flash.DiskRate = c.String("backend"), c.String("policy"), c.Int("ahead"), c.String("disk-rate")
	if o.PromptIDs, err = ids(c, "prompt-ids"); err != nil {
		return o, err
	}
	if o.TeacherIDs, err = ids(c, "teacher-ids"); err != nil {
		return o, err
	}
	return o, o.Check()
}

// ids reads a list of token ids with commas or spaces between them.
func ids(c *cli.Context, flag string) ([]int32, error) {
	var list []int32
	for _, word := range strings.FieldsFunc(c.String(flag), func(r rune) bool { return r == ',' || r == ' ' }) {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("--%s: found %q, want token ids like 1,2,3", flag, word)
		}
		list = append(list, int32(id))
	}
	if c.IsSet(flag) && list == nil {
		return nil, fmt.Errorf("--%s is empty, want token ids like 1,2,3", flag)
	}
	return list, nil
}

func writeBench(out io.Writer, r *daemon.BenchResult, layers bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s, %d threads, %s cache\n", clean(r.Model), r.Threads, r.KV)
	fmt.Fprintf(w, "load\t%.3f s\n", r.Load)
	fmt.Fprintf(w, "first token\t%.3f s\n", r.FirstToken)
	fmt.Fprintf(w, "prompt\t%d tokens, %.1f per second\n", r.PromptTokens, r.PrefillRate)
	fmt.Fprintf(w, "answer\t%d tokens, %.2f per second; a token takes %.2f ms, one in a hundred %.2f ms\n", r.Tokens, r.DecodeRate, r.DecodeP50, r.DecodeP99)
	fmt.Fprintf(w, "most memory\t%s\n", bytesText(r.PeakRSS))
	if r.FlashResult != nil {
		writeFlash(w, r.FlashResult)
	}
	if err := w.Flush(); err != nil || !layers || r.FlashResult == nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "layer\twanted\thits\tlate\t")
	for _, l := range r.Layers {
		fmt.Fprintf(w, "%d\t%d\t%.1f %%\t%.1f %%\t\n", l.Layer, l.Wanted, percent(l.Hits, l.Wanted), percent(l.Late, l.Wanted))
	}
	return w.Flush()
}

func writeFlash(w io.Writer, r *daemon.FlashResult) {
	fmt.Fprintf(w, "memory\t%s allowed, %s of it for experts\n", bytesText(r.Budget), bytesText(r.ExpertBytes))
	fmt.Fprintf(w, "experts\t%.1f %% at hand when wanted, %.1f %% on their way; %s policy, %d layers ahead\n", 100*r.HitRatio, 100*r.LateRatio, r.Policy, r.Ahead)
	fmt.Fprintf(w, "read\t%s in all; %s per token, %s with the best choice of victims\n", bytesText(r.BytesRead), bytesText(int64(r.TokenBytes)), bytesText(int64(r.BeladyBytes)))
	throttled := ""
	if r.Throttled > 0 {
		throttled = fmt.Sprintf(" (throttled to %.2f)", r.Throttled)
	}
	fmt.Fprintf(w, "disk\t%.2f GB/s%s, %s, %s file; %.2f s of the answer spent waiting for it\n", r.DiskRate, throttled, r.Backend, r.Layout, r.Stall)
	fmt.Fprintf(w, "bound\t%.2f tokens per second here: arithmetic takes %.1f ms a token\n", r.Bound, r.Arithmetic)
}

func percent(part, all int64) float64 { return 100 * float64(part) / float64(max(all, 1)) }
