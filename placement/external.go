package placement

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ErrNoSolver is wrapped where another solver is not installed.
var ErrNoSolver = errors.New("is not installed")

// Solvers are the other solvers that SolveWith knows.
func Solvers() []string { return []string{"cbc", "glpsol", "highs"} }

// SolveWith solves as Solve does and then has another solver look for a better
// plan, for at most limit: it is given our plan's cost as a bound, and cbc the plan
// itself. improved says that it found one. Where it finds none, or nothing in
// time, the plan is ours.
func SolveWith(ctx context.Context, p *Problem, o Options, solver string, limit time.Duration) (plan *Plan, improved bool, err error) {
	path, err := exec.LookPath(solver)
	if err != nil {
		return nil, false, fmt.Errorf("solver %s %w", solver, ErrNoSolver)
	}
	if o.Goal != Time || o.MoveCost > 0 {
		return nil, false, fmt.Errorf("solver %s: the program for it is that of the least time, without a price on moving", solver)
	}
	if plan, err = Solve(p, o); err != nil {
		return nil, false, err
	}
	dir, err := os.MkdirTemp("", "moed-place-")
	if err != nil {
		return nil, false, err
	}
	defer os.RemoveAll(dir)
	found, err := ask(ctx, p, plan.Assignment, solver, path, dir, limit)
	if err != nil || found == nil {
		return plan, false, err
	}
	cost, err := Evaluate(p, found)
	if err != nil || cost.Time >= plan.Cost.Time {
		return plan, false, err
	}
	plan.Assignment, plan.Cost = found, cost
	if o.From != nil {
		plan.Moved = found.Moved(p, o.From)
	}
	plan.bound(p, &o)
	return plan, true, nil
}

// ask runs the solver in dir. No answer is no error.
func ask(ctx context.Context, p *Problem, start Assignment, solver, path, dir string, limit time.Duration) (Assignment, error) {
	program, answer := filepath.Join(dir, "program.lp"), filepath.Join(dir, "answer")
	if err := writeProgram(p, start, program); err != nil {
		return nil, err
	}
	seconds := strconv.Itoa(max(1, int(limit.Seconds())))
	var args []string
	switch solver {
	case "cbc":
		begin := filepath.Join(dir, "start")
		if err := writeStart(p, start, begin); err != nil {
			return nil, err
		}
		args = []string{program, "mips", begin, "sec", seconds, "solve", "solution", answer}
	case "glpsol":
		args = []string{"--lp", program, "--tmlim", seconds, "-o", answer}
	case "highs":
		args = []string{program, "--time_limit", seconds, "--solution_file", answer}
	default:
		return nil, fmt.Errorf("solver %q is not known", solver)
	}
	ctx, cancel := context.WithTimeout(ctx, limit+grace)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("solver %s: %w: %s", solver, err, last(out))
	}
	f, err := os.Open(answer)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := ReadSolution(f, p)
	if err != nil {
		return nil, nil // it was stopped before it had a plan
	}
	return a, nil
}

// grace is what a solver may take beyond its limit before it is killed.
const grace = 5 * time.Second

// writeProgram writes the program, with the cost of the plan that is known as its
// limit; a little more, since solvers round.
func writeProgram(p *Problem, start Assignment, path string) (err error) {
	total := newLedger(newMeter(p), flatten(start)).total
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(WriteLP(f, p, total+total/1e6+1000), f.Close())
}

// writeStart writes a plan as cbc reads one.
func writeStart(p *Problem, a Assignment, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for e, devices := range flatten(a) {
		for _, d := range devices {
			if _, err := fmt.Fprintf(f, "%d %s 1 0\n", e, x(int32(e), int(d))); err != nil {
				return errors.Join(err, f.Close())
			}
		}
	}
	return f.Close()
}

// last is the end of what a program printed.
func last(out []byte) string { return string(out[max(0, len(out)-300):]) }
