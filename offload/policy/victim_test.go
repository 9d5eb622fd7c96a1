package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"moed/offload/policy"
)

// TestVictim runs the scripts of testdata/victim and writes down, below each
// victim line, whom every policy names. A line is one of
//
//	# remark
//	shape LAYERS EXPERTS
//	visit LAYER EXPERT[:TOKENS]... [of TOKENS]
//	victim NOW LAYER/EXPERT...
//
// where the last lists what is held while layer NOW is served.
func TestVictim(t *testing.T) {
	files, err := filepath.Glob("testdata/victim/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d scripts (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, runScript(t, string(text)))
		})
	}
}

func runScript(t *testing.T, text string) string {
	var out strings.Builder
	policies := map[string]policy.Policy{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") {
			continue // an earlier run's answer
		}
		out.WriteString(line)
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "shape":
			n := numbers(t, rest, " ")
			for _, name := range policy.Names() {
				policies[name] = mustNew(t, name, policy.Shape{Layers: n[0], Experts: n[1]})
			}
		case "visit":
			for _, p := range policies {
				play(t, p, rest)
			}
		case "victim":
			now, held := snapshot(t, rest)
			for _, name := range policy.Names() {
				k := held[policy.Victim(policies[name], now, held)]
				fmt.Fprintf(&out, "\t%s %d/%d\n", name, k.Layer, k.Expert)
			}
		case "#":
		default:
			t.Fatalf("found %q, want a line of a script", line)
		}
	}
	return out.String()
}

func play(t *testing.T, p policy.Policy, line string) {
	line, of, many := strings.Cut(line, " of ")
	tokens := 1
	if many {
		tokens = numbers(t, of, " ")[0]
	}
	fields := strings.Fields(line)
	var experts, counts []int32
	for _, f := range fields[1:] {
		n := append(numbers(t, f, ":"), 1)
		experts, counts = append(experts, int32(n[0])), append(counts, int32(n[1]))
	}
	p.Visit(&policy.Visit{Layer: numbers(t, fields[0], " ")[0], Experts: experts, Counts: counts, Tokens: tokens})
}

func snapshot(t *testing.T, line string) (now int, held []policy.Key) {
	fields := strings.Fields(line)
	for _, f := range fields[1:] {
		n := numbers(t, f, "/")
		held = append(held, policy.Key{Layer: int32(n[0]), Expert: int32(n[1])})
	}
	return numbers(t, fields[0], " ")[0], held
}

func numbers(t *testing.T, text, between string) (all []int) {
	t.Helper()
	for f := range strings.SplitSeq(text, between) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}
