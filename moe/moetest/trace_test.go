package moetest

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

const tracePath = "../../testdata/traces/qwen3-30b-a3b.route.csv"

func openTrace(t *testing.T) *Trace {
	t.Helper()
	f, err := os.Open(tracePath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tr, err := ReadTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestReadTrace(t *testing.T) {
	tr := openTrace(t)
	if tr.Model != "Qwen3-30B-A3B-Q4_K_M.gguf" || tr.Layers != 48 || tr.Experts != 128 || tr.TopK != 6 || len(tr.Positions) != 156 {
		t.Errorf("got %s: %d layers, %d experts, top %d, %d positions", tr.Model, tr.Layers, tr.Experts, tr.TopK, len(tr.Positions))
	}
	if got, want := tr.Positions[0][0][1], (Pick{19, 0.191844}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for i, layers := range tr.Positions {
		for l, picks := range layers {
			if len(picks) != tr.TopK {
				t.Fatalf("position %d: layer %d: got %d picks, want %d", i, l, len(picks), tr.TopK)
			}
		}
	}
}

func TestReadTraceBorrowsFromNext(t *testing.T) {
	tr, err := ReadTrace(strings.NewReader("# n_layer=1 n_expert=4 n_expert_used=2\n" +
		"0,0,0,0,0,3,0.6,0,0\n" + "0,0,7,0,0,1,0.9,0,0\n" + "0,0,7,0,1,2,0.1,0,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Pick{{1, 0.9}, {2, 0.1}}
	if !reflect.DeepEqual(tr.Positions, [][][]Pick{{want}, {want}}) {
		t.Errorf("got %v, want %v twice", tr.Positions, want)
	}
}

func TestReadTraceErrors(t *testing.T) {
	const head = "# n_layer=1 n_expert=4 n_expert_used=2\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "n_layer=0"},
		{"no positions", head, "no positions"},
		{"layers", "# n_layer=x", `n_layer="x"`},
		{"negative", "# n_layer=-1", "n_layer=-1"},
		{"short line", head + "0,0,0", "line 2: found 3 fields"},
		{"expert text", head + "0,0,0,0,0,e,0.5", `line 2: field 6: found "e"`},
		{"expert beyond", head + "0,0,0,0,0,4,0.5", "found expert 4 of 4"},
		{"weight", head + "0,0,0,0,0,1,w", "field 7"},
	} {
		_, err := ReadTrace(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.want)
		}
	}
}
