package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"moed/placement"
)

// placementOptions are what moed place was told.
type placementOptions struct {
	trace, devices, model string
	out, svg, from, plan  string
	solver                string // "" is our own
	solverTime            time.Duration
	solve                 placement.Options // but for From
	copies                int               // 0: as the devices say
	split                 float64
	expertBytes           int64
	simulate, measure     bool
	hosts                 []int
	timing                placement.Timing
	dirs                  []string // of measure
}

const defaultSplit, defaultSolverTime, mostHosts = 0.5, time.Minute, 1000

func placementOptionsOf(c *cli.Context) (o *placementOptions, err error) {
	o = &placementOptions{
		trace: c.String("trace"), devices: c.String("devices"), out: c.String("out"), svg: c.String("svg"), from: c.String("from"), plan: c.String("plan"),
		copies: c.Int("copies"), split: defaultSplit, solver: c.String("solver"), solverTime: defaultSolverTime,
		simulate: c.Bool("simulate"), measure: c.Bool("measure"),
		solve:  placement.Options{Seed: c.Uint64("seed"), Effort: c.Float64("effort")},
		timing: placement.Timing{Batch: c.Int("batch")},
	}
	if o.measure {
		o.dirs = c.Args().Slice()
		if len(o.dirs) == 0 && o.devices == "" {
			return nil, errors.New("--measure wants directories on the disks, or --devices FILE")
		}
		return o, nil
	}
	switch {
	case c.NArg() > 1:
		return nil, fmt.Errorf("place wants at most one model, found %d words", c.NArg())
	case o.trace == "":
		return nil, errors.New("place wants --trace TRACE: moed trace record makes one")
	case o.devices == "":
		return nil, errors.New("place wants --devices FILE: moed place -h shows one, and moed place --measure DIR... makes one")
	}
	if c.NArg() == 1 {
		if o.model, err = fileOf(c.Args().First()); err != nil {
			return nil, err
		}
	}
	if err := o.words(c); err != nil {
		return nil, err
	}
	return o, o.check(c)
}

// words reads the flags that are more than a word or a number.
func (o *placementOptions) words(c *cli.Context) (err error) {
	switch goal := c.String("goal"); goal {
	case "", "time":
	case string(placement.Hops):
		o.solve.Goal = placement.Hops
	default:
		return fmt.Errorf("--goal %s: there are time and hops", goal)
	}
	if text := c.String("split"); text != "" {
		if o.split, err = strconv.ParseFloat(text, 64); err != nil || !(o.split > 0 && o.split <= 1) {
			return fmt.Errorf("--split %s: want a share above 0, and 1 at most", text)
		}
	}
	if text := c.String("expert-bytes"); text != "" {
		if o.expertBytes, err = parseBytes(text); err != nil {
			return fmt.Errorf("--expert-bytes: %w", err)
		}
	}
	for _, f := range []struct {
		name string
		to   *time.Duration
	}{{"move-cost", &o.solve.MoveCost}, {"solver-time", &o.solverTime}, {"dense", &o.timing.Dense}, {"message", &o.timing.Message}} {
		if text := c.String(f.name); text != "" {
			if *f.to, err = parseWait(text); err != nil {
				return fmt.Errorf("--%s: %w", f.name, err)
			}
		}
	}
	for _, word := range strings.FieldsFunc(c.String("hosts"), func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > mostHosts {
			return fmt.Errorf("--hosts: found %q, want numbers from 1 to %d such as 1,2,4", word, mostHosts)
		}
		o.hosts = append(o.hosts, n)
	}
	return nil
}

// check reports flags that do not go together.
func (o *placementOptions) check(c *cli.Context) error {
	for _, name := range []string{"batch", "dense", "message", "hosts"} {
		if c.IsSet(name) && !o.simulate {
			return fmt.Errorf("--%s goes with --simulate", name)
		}
	}
	switch {
	case o.solver != "" && !slices.Contains(placement.Solvers(), o.solver):
		return fmt.Errorf("--solver %s: there are %s", o.solver, strings.Join(placement.Solvers(), ", "))
	case c.IsSet("solver-time") && (o.solver == "" || o.solverTime == 0):
		return errors.New("--solver-time is above 0 and goes with --solver")
	case o.solver != "" && (o.plan != "" || len(o.hosts) > 0):
		return errors.New("--solver is for one plan that is made: --plan and --hosts are not for that")
	case o.solve.MoveCost > 0 && o.from == "":
		return errors.New("--move-cost goes with --from")
	case c.IsSet("copies") && o.copies < 1, c.IsSet("batch") && o.timing.Batch < 1:
		return errors.New("--copies and --batch are 1 or more")
	case c.IsSet("effort") && !(o.solve.Effort > 0 && o.solve.Effort <= 1000):
		return errors.New("--effort is above 0, and 1000 at most")
	case o.plan != "" && (o.from != "" || o.out != "" || len(o.hosts) > 0):
		return errors.New("--plan judges a plan, and none is made: --from, -o and --hosts are not for that")
	case len(o.hosts) > 0 && (o.out != "" || o.svg != "" || o.from != ""):
		return errors.New("--hosts makes plans for hosts that there are not: -o, --svg and --from are not for that")
	case o.expertBytes > 0 && o.model != "":
		return errors.New("--expert-bytes is for where no MODEL is named")
	}
	return nil
}

// errTaken is wrapped by the error for a name that is in use.
var errTaken = errors.New("already exists")

// free reports a file that would be written and exists.
func (o *placementOptions) free() error {
	for _, f := range []struct{ flag, path string }{{"-o", o.out}, {"--svg", o.svg}} {
		if f.path == "" {
			continue
		}
		if _, err := os.Lstat(f.path); err == nil {
			return withHint(fmt.Errorf("%s: %w", f.path, errTaken), "remove it, or choose another name with %s", f.flag)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
