package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func doctorCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "look at the machine, and measure the disk that models lie on",
		ArgsUsage: "[FILE|DIR] [--json]",
		Description: "Reads at random from FILE, a model say, or from a file of 1 GiB that it writes to DIR and\n" +
			"removes again. What it finds is kept, and models on that disk are read accordingly.\n" +
			"Without either it measures nothing.",
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "seconds", Usage: "measure each way to read for `S` seconds", DefaultText: "8"},
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return doctor(c, u) },
	}
}

func doctor(c *cli.Context, u *ui) error {
	if c.NArg() > 1 {
		return usagef("doctor wants one file or directory, found %d", c.NArg())
	}
	seconds := c.Float64("seconds")
	if c.IsSet("seconds") && !(seconds > 0 && seconds <= 3600) {
		return usagef("--seconds %v: want more than 0, and 3600 at most", seconds)
	}
	var now atomic.Pointer[string]
	begun := "looking around"
	now.Store(&begun)
	done := u.whileWaiting(func() string { return *now.Load() })
	r, err := daemon.Doctor(c.Context, daemon.CheckupOptions{
		Path:     c.Args().First(),
		Time:     time.Duration(seconds * float64(time.Second)),
		Progress: func(line string) { now.Store(&line) },
	})
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case err != nil:
		return err
	case r.NotKept != "":
		u.sayf("%s", r.NotKept)
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, r)
	}
	return writeCheckup(u.std.Out, r)
}

// writeCheckup prints r for people.
func writeCheckup(out io.Writer, r *daemon.Checkup) error {
	m := r.Machine
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("system", "%s %s, %s", m.OS, m.Kernel, m.Arch)
	row("processors", "%d, arithmetic with %s", m.Processors, m.Kernels)
	row("memory", "%s", limitText(m.Memory, "not known"))
	row("huge pages", "%s", m.HugePages)
	row("lockable memory", "%s", limitText(m.Lockable, "no limit"))
	row("io_uring", "%s (not used: measured, and not faster)", m.IOUring)
	d := r.Device
	if d == nil {
		row("disk", "not measured: name a file or a directory on it")
		return w.Flush()
	}
	switch {
	case d.Refused != "":
		row("direct reads", "no: %s", clean(d.Refused))
	case d.Alignment > 0:
		row("direct reads", "yes, aligned to %d bytes", d.Alignment)
	default:
		row("direct reads", "yes")
	}
	row("choice", "%s", d.Why)
	if text := d.Packing(); text != "" {
		row("packing", "%s", text)
	}
	if r.Kept != "" {
		row("kept in", "%s", clean(r.Kept))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePoints(out, d)
}

// writePoints prints the rates as a table for each way to read.
func writePoints(out io.Writer, d *daemon.Device) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i, p := range d.Points {
		if i == 0 || p.Backend != d.Points[i-1].Backend {
			fmt.Fprintf(w, "\n%s\tat once\tMB/s\thalf under\t99 %% under\t\n", p.Backend)
		}
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%s\t%s\t\n", kibText(p.Size), p.InFlight, p.Rate/1e6, milliText(p.P50), milliText(p.P99))
	}
	return w.Flush()
}

func milliText(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }

func kibText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// limitText gives n bytes, or what is said where n is below zero.
func limitText(n int64, none string) string {
	if n < 0 {
		return none
	}
	return bytesText(n)
}
