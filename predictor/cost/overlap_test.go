package cost_test

import (
	"encoding/csv"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"moed/predictor/cost"
)

// run is a row of testdata/bench/offload.csv.
type run struct {
	memory, layout, backend string
	number                  map[string]float64
}

func readRuns(t *testing.T) []run {
	f, err := os.Open("../../testdata/bench/offload.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.Comment = '#'
	names, err := rows.Read()
	if err != nil {
		t.Fatal(err)
	}
	var runs []run
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return runs
		}
		if err != nil {
			t.Fatal(err)
		}
		r := run{number: map[string]float64{}}
		for i, name := range names {
			switch name {
			case "memory":
				r.memory = row[i]
			case "layout":
				r.layout = row[i]
			case "backend":
				r.backend = row[i]
			default:
				if r.number[name], err = strconv.ParseFloat(row[i], 64); err != nil {
					t.Fatal(err)
				}
			}
		}
		runs = append(runs, r)
	}
}

// TestKeptRuns: given the disk's rate, the arithmetic and the bytes per token
// that were measured with each kept run, the model tells its rate within Margin.
func TestKeptRuns(t *testing.T) {
	const steps, threads = 127, 2
	runs := readRuns(t)
	var arithmetic []float64
	alone := func(r run) bool { // whether a step that reads nothing could be measured
		computing := 1e3/r.number["decode_tok_s"] - 1e3*r.number["stall_s"]/steps
		return math.Abs(computing/r.number["arithmetic_ms"]-1) > 0.01
	}
	for _, r := range runs {
		if alone(r) {
			arithmetic = append(arithmetic, r.number["arithmetic_ms"])
		}
	}
	slices.Sort(arithmetic)
	median := arithmetic[len(arithmetic)/2]
	checked := 0
	for i, r := range runs {
		rate, bytes := r.number["disk_gb_s"]*1e9, r.number["bytes_read_per_token"]
		if bytes*r.number["decode_tok_s"] > rate {
			continue // it read faster than the disk's rate: that was measured in a bad second
		}
		ms := r.number["arithmetic_ms"]
		if !alone(r) {
			ms = median
		}
		s := cost.Step{Arithmetic: ms / 1e3, Bytes: bytes, Rate: rate, Ahead: r.number["ahead"] > 0, Burden: cost.Reads{Direct: r.backend == "direct", Packed: r.layout == "packed", Threads: threads}.Burden()}
		got, want := 1/s.Seconds(), r.number["decode_tok_s"]
		t.Logf("%s %s %s ahead %v: found %.2f tok/s, measured %.2f (%+.0f %%)", r.memory, r.layout, r.backend, r.number["ahead"], got, want, 100*(got/want-1))
		if got/want > 1+cost.Margin || got/want < 1-cost.Margin {
			t.Errorf("row %d: found %.2f tok/s, measured %.2f", i+1, got, want)
		}
		checked++
	}
	if checked < len(runs)-1 {
		t.Errorf("%d of %d rows were of use", checked, len(runs))
	}
}

// TestStepBounds: a step takes no less than its arithmetic or its reading, and no
// more than both; reading ahead never costs.
func TestStepBounds(t *testing.T) {
	for _, bytes := range []float64{0, 1e6, 4e7, 2e8, 1e10} {
		for _, rate := range []float64{1e8, 1.5e9, 1e11} {
			s := cost.Step{Arithmetic: 0.09, Bytes: bytes, Rate: rate, Burden: cost.Reads{Direct: true, Threads: 2}.Burden(), Ahead: true}
			late := s
			late.Ahead = false
			switch {
			case s.Seconds() < max(s.Computing(), s.Reading()):
				t.Errorf("%+v: %v s", s, s.Seconds())
			case s.Seconds() > late.Seconds()+1e-15:
				t.Errorf("%+v: %v s, and %v without reading ahead", s, s.Seconds(), late.Seconds())
			case late.Seconds() > s.Computing()+s.Reading()+1e-15:
				t.Errorf("%+v: %v s", late, late.Seconds())
			case s.Stall() < -1e-15:
				t.Errorf("%+v: stall %v", s, s.Stall())
			}
		}
	}
	if got := (cost.Step{Arithmetic: 0.09, Rate: 1e9, Ahead: true}).Seconds(); got != 0.09 {
		t.Errorf("without reads: %v s", got)
	}
}

func TestBurden(t *testing.T) {
	one := cost.Reads{Direct: true, Threads: 1}
	for _, more := range []cost.Reads{{Threads: 1}, {Direct: true, Packed: true, Threads: 1}} {
		if a, b := one.Burden(), more.Burden(); !(a < b) {
			t.Errorf("%+v: a burden of %v, %+v: %v", one, a, more, b)
		}
	}
	many := cost.Reads{Direct: true, Threads: 8}
	near(t, "on eight threads", many.Burden(), one.Burden()/8, 1e-9)
	if got := (cost.Reads{Direct: true}).Burden(); got != one.Burden() {
		t.Errorf("on no threads: %v, on one %v", got, one.Burden())
	}
}
