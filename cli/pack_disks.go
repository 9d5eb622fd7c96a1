package cli

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

// packDisks is pack --plan.
func packDisks(c *cli.Context, u *ui) error {
	if c.IsSet("out") {
		return usagef("--plan says where to write, and so does -o")
	}
	model := c.Args().First()
	disks, err := daemon.DiskPlans(c.String("plan"), model, c.String("name"))
	if errors.Is(err, daemon.ErrNoDisks) {
		return withHint(err, "give the devices a path in the file for moed place, and plan again")
	}
	if err != nil {
		return err
	}
	var m packMeter
	done := u.whileWaiting(m.line)
	r, err := daemon.PackDisks(c.Context, daemon.PackDisksOptions{Model: model, Disks: disks, Verify: c.Bool("verify"), Progress: m.update})
	done()
	switch err = packError(u, err, "free some, or lower the device's capacity and plan again"); {
	case errors.Is(err, daemon.ErrPackExists):
		return withHint(err, "remove it")
	case err != nil:
		return err
	case c.Bool("json"):
		return writeJSON(u.std.Out, r)
	}
	return writeDisks(u.std.Out, r)
}

func writeDisks(out io.Writer, r *daemon.PackDisksResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range r.Disks {
		d := &r.Disks[i]
		fmt.Fprintf(w, "disk %s\t%s\t%s\t%d experts\t%s\n", d.Name, d.Out, bytesText(d.Bytes), d.Experts, packState(&d.PackResult))
	}
	if r.Alone > 0 {
		fmt.Fprintf(w, "elsewhere\t%s\t\t%d experts\ton no disk but the model's own\n", r.Model, r.Alone)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "runs go by %s; remove it to go back to one disk\n", r.Manifest)
	return err
}
