package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

// benchStreams measures several answers at once.
func benchStreams(c *cli.Context, u *ui, o daemon.BenchOptions) error {
	done := u.whileWaiting(func() string { return fmt.Sprintf("measuring %d answers at once", c.Int("streams")) })
	r, err := daemon.Streams(c.Context, daemon.StreamsOptions{BenchOptions: o, Streams: c.Int("streams"), Beside: c.Int("beside")})
	done()
	if err != nil {
		return explain(err, o.Model)
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, r)
	}
	return writeStreams(u.std.Out, r)
}

func writeStreams(out io.Writer, r *daemon.StreamsResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\ttok/s\tgap p50\tp99\tmost\tat hand\tread per token\n")
	row := func(name string, s daemon.StreamRate) {
		fmt.Fprintf(w, "%s\t%.2f\t%.1f ms\t%.1f ms\t%.1f ms\t%.1f %%\t%s\n", name, s.Rate, s.GapP50, s.GapP99, s.GapMax, 100*s.HitRatio, bytesText(int64(s.Bytes)))
	}
	row("alone", r.Alone)
	row(fmt.Sprintf("%d at once", r.Streams), r.Together)
	if r.Beside != nil {
		row("beside a prompt", r.Beside.Streams)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%.2f times the tokens of one; their steps want %.2f times the experts, which allows %.2f times\n", r.Speedup, r.Union, r.Bound)
	if b := r.Beside; b != nil {
		fmt.Fprintf(out, "a prompt of %d tokens was read in %.1f s (%.1f tok/s); the gap's p99 beside it is %.1f times the p50 alone\n", b.Tokens, b.Seconds, b.Rate, b.P99Ratio)
	}
	return nil
}
