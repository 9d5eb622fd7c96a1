package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func planCommand(u *ui) *cli.Command {
	flags := engineFlags()
	for _, f := range flags {
		if f, is := f.(*cli.IntFlag); is && f.Name == "ctx" {
			f.Aliases = []string{"context"}
		}
	}
	return &cli.Command{
		Name:      "plan",
		Usage:     "tell how fast a model would run here, without loading it",
		ArgsUsage: "MODEL|FILE [--memory SIZE] [flags]",
		Description: "Computes from the file's header, the disk's rate, this machine's arithmetic and a recorded\n" +
			"trace of routing. Ends with 3 where the model cannot run in that memory.",
		Flags: append(flags,
			&cli.StringFlag{Name: "trace", Usage: "`FILE` with recorded routing of this model or one like it", DefaultText: "a typical one"},
			switchFlag("json", "print JSON")),
		Action: func(c *cli.Context) error { return plan(c, u) },
	}
}

// doesNotRunError ends a plan whose answer is no; the report has been written.
type doesNotRunError struct{ why string }

func (e doesNotRunError) Error() string { return e.why }

func plan(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("plan wants one file, found %d", c.NArg())
	}
	o := daemon.PlanOptions{Config: configOf(c), Trace: c.String("trace")}
	var err error
	if o.Model, err = fileOf(c.Args().First()); err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	var now atomic.Pointer[string]
	begun := "reading the header"
	now.Store(&begun)
	o.Say = func(line string) { now.Store(&line) }
	done := u.whileWaiting(func() string { return *now.Load() })
	f, err := daemon.Plan(c.Context, o)
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case err != nil:
		return explain(err, o.Model)
	case c.Bool("json"):
		err = writeJSON(u.std.Out, f)
	default:
		err = writeForecast(u.std.Out, f)
	}
	if err == nil && !f.Runs {
		err = doesNotRunError{f.Why}
	}
	return err
}

// writeForecast prints f for people.
func writeForecast(out io.Writer, f *daemon.Forecast) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("model", "%s, %s, %d threads", clean(f.Model), clean(f.Architecture), f.Threads)
	if f.Runs {
		row("runs", "yes, in %s", bytesText(f.Budget))
		writeParts(row, f)
	} else {
		row("runs", "no, not in %s", bytesText(f.Budget))
	}
	row("KV cache", "%s per 1000 tokens", bytesText(f.KVPerThousand))
	row("least memory", "%s; %s for half the speed of all in memory, %s for all", upText(f.Smallest), upText(f.Useful), upText(f.Everything))
	row("disk", "%.2f GB/s, %s reads of %s; %s", f.Disk.Rate/1e9, f.Disk.Backend, bytesText(f.Disk.Read), clean(f.Disk.Source))
	if f.Speed != nil {
		writeSpeed(row, f)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writeChart(out, f.Chart)
}

func writeParts(row func(name, format string, args ...any), f *daemon.Forecast) {
	p := f.Memory
	text := fmt.Sprintf("%s dense, %s KV cache for %d tokens, %s scratch, %s heap", bytesText(p.Dense), bytesText(p.KV), p.Tokens, bytesText(p.Scratch), bytesText(p.Heap))
	if p.ReadBuffers > 0 {
		text += fmt.Sprintf(", %s read buffers", bytesText(p.ReadBuffers))
	}
	row("resident", "%s", text)
	if p.AllExperts > 0 {
		row("experts", "%s of %s, those of %.1f tokens", bytesText(p.Experts), bytesText(p.AllExperts), p.Cycles)
	}
	if p.Spare > 0 {
		row("spare", "%s", bytesText(p.Spare))
	}
}

func writeSpeed(row func(name, format string, args ...any), f *daemon.Forecast) {
	s := f.Speed
	if f.Memory.AllExperts > 0 {
		of := "of its own kind"
		if !f.Routing.Own {
			of = "of another model"
		}
		row("hit ratio", "%.1f %%, %.1f to %.1f; by a trace %s, %s, %d tokens from a cold start", 100*s.HitRatio, 100*s.HitLow, 100*s.HitHigh, of, clean(f.Routing.Model), f.Routing.Tokens)
		if f.Routing.Note != "" {
			row("", "%s", clean(f.Routing.Note))
		}
	}
	row("a token", "%s ms; %s ms of arithmetic, %s to read in %s ms", rateText(1e3*s.Seconds), rateText(1e3*s.Arithmetic), bytesText(int64(s.TokenBytes)), rateText(1e3*s.Reading))
	row("tokens/s", "%s, expect %s to %s; %s with the context full", rateText(s.Rate), rateText(s.Low), rateText(s.High), rateText(s.RateFull))
	for i, t := range f.First {
		row(map[bool]string{true: "first token"}[i == 0], "%s s for a prompt of %d: %s s to load, %s s to read it", rateText(t.Seconds), t.PromptTokens, rateText(t.Load), rateText(t.Prefill))
	}
}

const chartWidth = 40

// writeChart draws tokens per second against memory.
func writeChart(out io.Writer, points []daemon.ChartPoint) error {
	if len(points) == 0 {
		return nil
	}
	best := 0.0
	for _, p := range points {
		best = max(best, p.Rate)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nmemory\ttokens/s\t\n")
	for _, p := range points {
		bar := strings.Repeat("#", int(math.Round(chartWidth*p.Rate/best)))
		switch {
		case p.Asked && p.Full:
			bar += " asked, all in memory"
		case p.Asked:
			bar += " asked"
		case p.Full:
			bar += " all in memory"
		}
		fmt.Fprintf(w, "%s\t%s\t  %s\n", upText(p.Budget), rateText(p.Rate), bar)
	}
	return w.Flush()
}

// rateText gives three digits or so.
func rateText(rate float64) string {
	switch {
	case rate >= 100:
		return fmt.Sprintf("%.0f", rate)
	case rate >= 10:
		return fmt.Sprintf("%.1f", rate)
	case rate >= 0.1:
		return fmt.Sprintf("%.2f", rate)
	}
	return fmt.Sprintf("%.1g", rate)
}

// upText is bytesText of no less than n, so that it does as a budget.
func upText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", math.Ceil(float64(n)/1e7)/100)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", math.Ceil(float64(n)/1e5)/10)
	}
	return bytesText(n)
}
