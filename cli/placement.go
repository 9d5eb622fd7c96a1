package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"moed/placement"
)

func placementCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "place",
		Usage:     "decide on which disk or host each expert of a model should live",
		ArgsUsage: "[MODEL] --trace TRACE --devices FILE [flags]",
		Description: "Plans from a recorded run (moed trace record) and a file of devices, says how good the plan is and how\n" +
			"much better one could be, and judges it, beside simpler plans, on tokens that it was not made from.\n" +
			"Sizes of experts come from the header of MODEL, a GGUF file or the name of a model.\n\n" +
			"FILE is YAML. Only name or path and, for disks that moed doctor has not measured, rate are needed:\n\n" +
			"   devices:\n" +
			"     - {name: nvme, host: box1, path: /mnt/nvme, capacity: 8GB, rate: 900MB/s, latency: 100us, per_layer: 64}\n" +
			"   links: [{a: box1, b: box2, latency: 200us, rate: 1Gbit/s}]\n" +
			"   remote: {latency: 200us, rate: 1Gbit/s}   # between hosts that links leaves out\n" +
			"   home: box1        # where tokens start\n" +
			"   moving: false     # true: a token goes to the host that has all experts of a layer\n" +
			"   request: 8KiB     # what a token sends to a host, and what an expert sends back\n" +
			"   answer: 8KiB\n\n" +
			"A link with answers: f16 halves what comes back over it. Outputs are then the same each time, but not\n" +
			"those of one host.\n\n" +
			"--measure DIR... measures the disks of directories and prints such a file; with --devices it fills in\n" +
			"the rates that FILE leaves out.",
		Flags:  placementFlags(),
		Action: func(c *cli.Context) error { return placeExperts(c, u) },
	}
}

func placementFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "trace", Usage: "`FILE` with recorded routing of the model"},
		&cli.StringFlag{Name: "devices", Usage: "`FILE` of devices, in YAML"},
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the plan to `PLAN`, or what --measure found"},
		&cli.StringFlag{Name: "svg", Usage: "write a picture of the plan to `FILE`"},
		&cli.StringFlag{Name: "goal", Usage: "least `time` per token, or fewest hops between devices", DefaultText: "time"},
		&cli.IntFlag{Name: "copies", Usage: "at most `N` copies of an expert, where there is room", DefaultText: "1"},
		&cli.StringFlag{Name: "split", Usage: "make the plan from this `SHARE` of the tokens and judge it on the others; 1: all", DefaultText: "0.5"},
		&cli.StringFlag{Name: "from", Usage: "the `PLAN` in use, to stay near to", DefaultText: "none"},
		&cli.StringFlag{Name: "move-cost", Usage: "how much faster per token each GiB that moves must make it, as a `TIME`", DefaultText: "0"},
		&cli.Float64Flag{Name: "effort", Usage: "search `X` times as long", DefaultText: "1"},
		&cli.Uint64Flag{Name: "seed", Usage: "`N` that chance begins with", DefaultText: "0"},
		&cli.StringFlag{Name: "solver", Usage: "let cbc, glpsol or highs go on from the plan, where `NAME` is installed", DefaultText: "none"},
		&cli.StringFlag{Name: "solver-time", Usage: "for at most `TIME`", DefaultText: "1m"},
		&cli.StringFlag{Name: "expert-bytes", Usage: "`SIZE` of an expert, where no MODEL is named", DefaultText: "the trace's"},
		switchFlag("simulate", "replay the tokens on the plan, with links and devices as listed"),
		&cli.StringFlag{Name: "plan", Aliases: []string{"p"}, Usage: "judge and simulate this `PLAN`; make none"},
		&cli.StringFlag{Name: "hosts", Usage: "with --simulate: plan for and simulate so many hosts, each like the first device: `1,2,4`"},
		&cli.IntFlag{Name: "batch", Usage: "with --simulate: `N` tokens go through a layer together", DefaultText: "1"},
		&cli.StringFlag{Name: "dense", Usage: "with --simulate: `TIME` of a layer's other work for a token", DefaultText: "0"},
		&cli.StringFlag{Name: "message", Usage: "with --simulate: `TIME` of home's own work for a request", DefaultText: "0"},
		switchFlag("measure", "measure disks; plan nothing"),
		&cli.Float64Flag{Name: "seconds", Usage: "with --measure: measure each way to read for `S` seconds", DefaultText: "8"},
		switchFlag("json", "print JSON; times are nanoseconds"),
	}
}

func placeExperts(c *cli.Context, u *ui) error {
	o, err := placementOptionsOf(c)
	if err != nil {
		return usageError{err}
	}
	if o.measure {
		return measureDisks(c, u, o)
	}
	if err := o.free(); err != nil {
		return err
	}
	w := newPlacer(o)
	done := u.whileWaiting(func() string { return *w.now.Load() })
	r, err := abandon(c.Context, w.run)
	done()
	if err != nil {
		return explainPlacement(err)
	}
	for _, note := range r.Notes {
		u.sayf("%s", clean(note))
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, r)
	}
	return writePlacement(u.std.Out, r)
}

// explainPlacement adds what to do about a plan that cannot be made.
func explainPlacement(err error) error {
	switch {
	case errors.Is(err, placement.ErrNoRoom):
		return withHint(err, "give the devices more capacity, or list more of them")
	case errors.Is(err, placement.ErrNoSolver):
		return withHint(err, "install it, or leave --solver out: moed has a solver of its own")
	case errors.Is(err, errNoRate):
		return withHint(err, "write its rate to the file, or have moed place --measure --devices FILE measure it")
	}
	return err
}

// abandon runs what cannot be stopped, and does not wait for it once ctx has
// ended: the process is about to.
func abandon[R any](ctx context.Context, run func() (R, error)) (R, error) {
	type ended struct {
		r   R
		err error
	}
	done := make(chan ended, 1)
	go func() { // ends with run
		r, err := run()
		done <- ended{r, err}
	}()
	select {
	case e := <-done:
		return e.r, e.err
	case <-ctx.Done():
		var none R
		return none, errInterrupted
	}
}
