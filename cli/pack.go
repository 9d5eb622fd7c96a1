package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func packCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "pack",
		Usage:     "rewrite a model so that its experts are read faster from flash",
		ArgsUsage: "MODEL.gguf [-o FILE | --plan PLAN [--name HOST]] [--verify] [--json]",
		Description: "Puts what a group of an expert's neurons needs side by side, with checksums; no weight changes. The\n" +
			"packed file is as large as the model, which it does not need any more. Run again after an interrupt,\n" +
			"it goes on where it was.\n\n" +
			"With --plan, a plan of moed place, it writes to the path of each of the plan's devices that has one a file\n" +
			"with the experts that go there, MODEL.DEVICE.experts, and then MODEL.gguf.disks.json beside the model. From\n" +
			"then on the model is read from all these disks at once, and from its own file where no disk has an expert\n" +
			"or one fails. It must stay as it is. Remove MODEL.gguf.disks.json to go back to one disk.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "the model's name with .bundled.gguf"},
			&cli.StringFlag{Name: "plan", Usage: "write the experts to several disks, as the plan in `FILE` says"},
			&cli.StringFlag{Name: "name", Usage: "this machine is `HOST` of the plan", DefaultText: "the only one with disks"},
			switchFlag("verify", "read both files again and compare every bit"),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return pack(c, u) },
	}
}

func pack(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("pack wants one model, found %d words", c.NArg())
	}
	if c.IsSet("plan") {
		return packDisks(c, u)
	}
	if c.IsSet("name") {
		return usagef("--name says which host of a plan this is, and there is no --plan")
	}
	var m packMeter
	o := daemon.PackOptions{Model: c.Args().First(), Out: c.String("out"), Verify: c.Bool("verify"), Progress: m.update}
	done := u.whileWaiting(m.line)
	r, err := daemon.Pack(c.Context, o)
	done()
	switch err = packError(u, err, "-o writes to another disk"); {
	case errors.Is(err, daemon.ErrPackExists):
		return withHint(err, "remove it, or choose another name with -o")
	case err != nil:
		return err
	case c.Bool("json"):
		return writeJSON(u.std.Out, r)
	}
	return writePack(u.std.Out, r)
}

// packError is err for a user, whom hint tells what to do about a full disk.
func packError(u *ui, err error, hint string) error {
	var room *daemon.NoRoomError
	switch {
	case errors.Is(err, context.Canceled):
		u.sayf("%v", err)
		return errInterrupted
	case errors.As(err, &room):
		return withHint(fmt.Errorf("no room in %s: %s are needed and %s free, %s too few",
			room.Dir, bytesText(room.Needed), bytesText(room.Found), bytesText(room.Needed-room.Found)), "%s", hint)
	}
	return err
}

func writePack(out io.Writer, r *daemon.PackResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "file\t%s\n", r.Out)
	fmt.Fprintf(w, "size\t%s\n", bytesText(r.Bytes))
	fmt.Fprintf(w, "experts\t%d in %d layers\n", r.Experts, r.Layers)
	fmt.Fprintf(w, "state\t%s\n", packState(r))
	return w.Flush()
}

// packState says what has become of a packed file.
func packState(r *daemon.PackResult) string {
	state := fmt.Sprintf("packed in %.1f s", r.Seconds)
	switch {
	case r.Already:
		state = "was packed already"
	case r.Resumed > 0:
		state = fmt.Sprintf("packed in %.1f s, %s of it before", r.Seconds, bytesText(r.Resumed))
	}
	if r.Verified {
		state += "; every bit is that of the model"
	}
	return state
}

// packMeter turns progress into a line. It is safe for concurrent use.
type packMeter struct {
	mu    sync.Mutex
	last  daemon.PackProgress
	first daemon.PackProgress // of packing, or of verifying
	since time.Time           // when first was
}

func (m *packMeter) update(p daemon.PackProgress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() || p.Verifying != m.first.Verifying {
		m.first, m.since = p, time.Now()
	}
	m.last = p
}

func (m *packMeter) line() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return "reading"
	}
	verb := "packing"
	if m.last.Verifying {
		verb = "comparing"
	}
	return packText(verb, m.last.Done, m.last.Total, float64(m.last.Done-m.first.Done)/time.Since(m.since).Seconds())
}

// packText is the line at done of total bytes and a rate in bytes per second.
func packText(verb string, done, total int64, rate float64) string {
	line := fmt.Sprintf("%s: %s of %s", verb, bytesText(done), bytesText(total))
	if rate < 1 {
		return line
	}
	left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s, %s/s, %v left", line, bytesText(int64(rate)), left)
}
