package cli

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"moed/placement"
)

// placer makes a plan and judges it. It is used once; now may be read meanwhile.
type placer struct {
	o    *placementOptions
	now  atomic.Pointer[string] // what goes on
	list *deviceList
	r    *routing

	made, judged *placement.Problem // with the tokens that the plan is made from, and with the others; the same where there are none
	report       *placementReport
}

func newPlacer(o *placementOptions) *placer {
	w := &placer{o: o, report: &placementReport{}}
	w.say("reading the trace")
	return w
}

func (w *placer) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.now.Store(&text)
}

func (w *placer) run() (*placementReport, error) {
	if err := w.read(); err != nil {
		return nil, err
	}
	w.describe()
	if len(w.o.hosts) > 0 {
		return w.report, w.sweep()
	}
	plan, err := w.plan()
	if err != nil {
		return nil, err
	}
	if err := w.compare(plan); err != nil {
		return nil, err
	}
	if w.o.simulate {
		if err := w.simulate(plan); err != nil {
			return nil, err
		}
	}
	w.report.Verdict = w.verdict()
	return w.report, w.write(plan)
}

// read makes the problem of the two files.
func (w *placer) read() (err error) {
	if w.list, err = readDevices(w.o.devices); err != nil {
		return err
	}
	if w.r, err = readRouting(w.o.trace, w.o.model, w.o.expertBytes); err != nil {
		return err
	}
	if err := w.list.measured(); err != nil {
		return fmt.Errorf("%s: %w", w.o.devices, err)
	}
	w.usualNetwork()
	w.made = w.problem()
	if err := w.made.Check(); err != nil {
		return err
	}
	n := int(math.Round(w.o.split * float64(w.r.usage.Tokens())))
	head, tail := w.r.usage.Split(n)
	judged := *w.made
	switch {
	case tail.Tokens() == 0:
	case head.Tokens() == 0:
		return fmt.Errorf("%s: of %d tokens a share of %v is none", w.o.trace, w.r.usage.Tokens(), w.o.split)
	default:
		w.made.Usage, judged.Usage = head, tail
	}
	w.judged = &judged
	return nil
}

// problem is that of the listed devices.
func (w *placer) problem() *placement.Problem {
	all, _ := w.r.bytes()
	p := w.list.problem(all)
	p.Layers, p.Usage = w.r.layers, w.r.usage
	if w.o.copies > 0 {
		p.Copies = w.o.copies
	}
	return p
}

// usualState is a hidden state in f32 where the model is not known: that of one
// of 2048 numbers.
const usualState = 8 << 10

// usualNetwork fills in what the devices say nothing of.
func (w *placer) usualNetwork() {
	hidden := w.r.hidden
	if hidden == 0 {
		hidden = usualState
	}
	if w.list.Request == 0 {
		w.list.Request = listedSize(hidden)
	}
	if w.list.Answer == 0 {
		w.list.Answer = listedSize(hidden)
	}
	hosts := w.list.hosts()
	if w.list.Remote == (listedLink{}) && (len(w.list.Links) < hosts*(hosts-1)/2 || len(w.o.hosts) > 0) {
		w.list.Remote = usualLink()
		if hosts > 1 || len(w.o.hosts) > 0 {
			w.r.notes = append(w.r.notes, "between hosts without a link a network of 1 Gbit/s and 200µs is assumed; remote in the file of devices says otherwise")
		}
	}
}

func (w *placer) describe() {
	r := w.report
	r.Trace, r.Model, r.Notes = w.o.trace, w.r.model, w.r.notes
	r.Bytes, r.Experts = w.r.bytes()
	for _, sizes := range w.r.layers {
		if len(sizes) > 0 {
			r.Layers++
		}
	}
	r.Goal, r.Moving, r.Copies, r.Split = "time", w.made.Moving, max(1, w.made.Copies), w.o.split
	if w.o.solve.Goal == placement.Hops {
		r.Goal = string(placement.Hops)
	}
	r.Home = w.made.Home
	if r.Home == "" {
		r.Home = w.made.Devices[0].Host
	}
	r.Hosts = w.list.hosts()
	r.TokensMade, r.TokensJudged = w.made.Usage.Tokens(), w.judged.Usage.Tokens()
	r.HeldOut = w.o.split < 1 && r.TokensMade < w.r.usage.Tokens()
}

// plan makes one, or reads that of --plan.
func (w *placer) plan() (*placement.Plan, error) {
	if w.o.plan != "" {
		w.say("judging %s", w.o.plan)
		return w.readPlan(w.o.plan)
	}
	o := w.o.solve
	if w.o.from != "" {
		old, err := w.readPlan(w.o.from)
		if err != nil {
			return nil, err
		}
		o.From = old.Assignment
		w.report.From = w.o.from
	}
	start := time.Now()
	w.say("planning for %d devices", len(w.made.Devices))
	plan, err := w.solve(o)
	if err != nil {
		return nil, err
	}
	w.report.Seconds = time.Since(start).Seconds()
	w.report.Optimal, w.report.Bound, w.report.Gap, w.report.Moved = plan.Optimal, &plan.Bound, plan.Gap, plan.Moved
	return plan, nil
}

// compare prices the plan and simpler ones.
func (w *placer) compare(plan *placement.Plan) error {
	if err := w.price(planName, plan.Assignment); err != nil {
		return err
	}
	if w.o.plan == "" && w.affine() {
		w.say("planning for shuffled tokens")
		shuffled := *w.made
		shuffled.Usage = w.made.Usage.Shuffled(w.o.solve.Seed + 1)
		o := w.o.solve
		o.From, o.MoveCost = nil, 0
		control, err := placement.Solve(&shuffled, o)
		if err != nil {
			return err
		}
		if err := w.price(controlName, control.Assignment); err != nil {
			return err
		}
	}
	w.say("judging")
	for _, other := range []struct {
		name string
		make func() (placement.Assignment, error)
	}{
		{frequencyName, func() (placement.Assignment, error) { return placement.Frequency(w.made) }},
		{stripeName, func() (placement.Assignment, error) { return placement.RoundRobin(w.made) }},
		{randomName, func() (placement.Assignment, error) { return placement.Random(w.made, w.o.solve.Seed) }},
	} {
		a, err := other.make()
		if err != nil {
			return err
		}
		if err := w.price(other.name, a); err != nil {
			return err
		}
	}
	return nil
}

// affine reports whether what is planned for depends on which experts of
// adjacent layers a token uses. It does not where tokens come home after each
// layer.
func (w *placer) affine() bool {
	return w.o.solve.Goal == placement.Hops || w.made.Moving && w.report.Hosts > 1
}

func (w *placer) price(name string, a placement.Assignment) error {
	made, err := placement.Evaluate(w.made, a)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	judged := made
	if w.report.HeldOut {
		if judged, err = placement.Evaluate(w.judged, a); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	w.report.Plans = append(w.report.Plans, placedPlan{name, made, judged})
	return nil
}

// solve makes the plan, and has another solver go on from it where that is wanted.
// That one stops by itself at its time.
func (w *placer) solve(o placement.Options) (*placement.Plan, error) {
	if w.o.solver == "" {
		return placement.Solve(w.made, o)
	}
	w.say("planning, then %s for up to %v", w.o.solver, w.o.solverTime)
	plan, improved, err := placement.SolveWith(context.Background(), w.made, o, w.o.solver, w.o.solverTime)
	if err != nil {
		return nil, err
	}
	w.report.Solver = "own"
	if improved {
		w.report.Solver = w.o.solver
	} else {
		w.report.Notes = append(w.report.Notes, w.o.solver+" found nothing better")
	}
	return plan, nil
}
