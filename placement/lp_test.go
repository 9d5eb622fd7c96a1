package placement

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestOtherSolvers: those that are installed find what ours does, from a plan that
// is not it.
func TestOtherSolvers(t *testing.T) {
	for _, solver := range Solvers() {
		path, err := exec.LookPath(solver)
		if err != nil {
			t.Logf("%s is not installed", solver)
			continue
		}
		rng := newRandom(11)
		for n := range 25 {
			p := small(rng)
			p.Moving = false
			plan, err := Solve(p, Options{})
			if errors.Is(err, ErrNoRoom) {
				continue
			}
			start, other := Random(p, 1)
			if err != nil || other != nil || !plan.Optimal {
				t.Fatalf("problem %d: %v, %v, %+v", n, err, other, plan)
			}
			found, err := ask(t.Context(), p, start, solver, path, t.TempDir(), 10*time.Second)
			if err != nil {
				t.Fatalf("%s, problem %d: %v", solver, n, err)
			}
			if found == nil {
				t.Fatalf("%s, problem %d: found nothing", solver, n)
			}
			if got, want := plainTime(p, found), plainTime(p, plan.Assignment); got != want {
				t.Errorf("%s, problem %d: found %d, ours is %d", solver, n, got, want)
			}
			if _, improved, err := SolveWith(t.Context(), p, Options{}, solver, 10*time.Second); err != nil || improved {
				t.Errorf("%s, problem %d: better than the optimum, %v", solver, n, err)
			}
		}
	}
}

func TestSolveWithRefuses(t *testing.T) {
	p := small(newRandom(1))
	if _, _, err := SolveWith(context.Background(), p, Options{}, "no-such-solver", time.Second); !errors.Is(err, ErrNoSolver) {
		t.Errorf("a solver that is not there: %v", err)
	}
	p.Moving = true
	if err := WriteLP(&bytes.Buffer{}, p, 0); !errors.Is(err, ErrNotLinear) {
		t.Errorf("a token that moves: %v", err)
	}
}

// FuzzReadSolution: an answer is a plan that fits, or an error.
func FuzzReadSolution(f *testing.F) {
	p := &Problem{Layers: Uniform(2, 2, 1), Devices: []Device{{Name: "a", Capacity: 3, Rate: 1}, {Name: "b", Capacity: 3, Rate: 1}}}
	f.Add("Optimal - objective value 3\n 0 x0_0 1 2\n 1 x1_1 1 0\n 2 x2_0 1 0\n 3 x3_1 0.99999 0\n")
	f.Add("   1 x0_0 * 1 0 1\n 2 x1_0 * 1 0 1\n 3 x2_1 * 1 0 1\n 4 x3_0 * 1 0 1\n")
	f.Add("# Columns 4\nx0_0 1\nx1_0 1\nx2_0 1\nx3_99 1")
	f.Fuzz(func(t *testing.T, answer string) {
		a, err := ReadSolution(strings.NewReader(answer), p)
		if err == nil {
			err = a.Check(p)
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
