package daemon

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"moed/predictor"
	"moed/predictor/path"
	"moed/predictor/trace"
)

// A Session is what a predictor takes for a path.
var _ predictor.Path = (*path.Session)(nil)

// recorded writes a trace of the built-in model, with so many tokens after each
// of a few texts.
func recorded(t *testing.T, tokens int) string {
	t.Helper()
	dir := t.TempDir()
	prompts := filepath.Join(dir, "prompts")
	texts := "Once upon a time\nTom had a dog\nThe bird sang\nLily was sad\nOne day, Ben\n"
	if err := os.WriteFile(prompts, []byte(texts), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "t.trace")
	if _, err := TraceRecord(context.Background(), TraceOptions{Prompts: prompts, Out: out, Tokens: tokens}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTrain: a predictor of the built-in model goes to the user's state, is found
// there, names more than popularity does, and is replaced by the next.
func TestTrain(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	from := recorded(t, 150)
	id, err := identityOf("")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := findPath("", id); m != nil || err != nil {
		t.Fatalf("found path %v and error %v before there is one", m, err)
	}
	for range 2 {
		r, err := Train(context.Background(), TrainOptions{Trace: from})
		if err != nil {
			t.Fatal(err)
		}
		if r.Path < r.Popular+0.1 || r.Path < r.Shuffled+0.1 || math.IsNaN(r.Loss) || len(r.Layers) != 6 {
			t.Errorf("found %+v, want far more than popularity and chance", r)
		}
		info, err := os.Stat(r.Out)
		if err != nil || info.Size() != r.Bytes || !strings.HasSuffix(r.Out, pathSuffix) {
			t.Errorf("%s: found %v and error %v, want %d bytes", r.Out, info, err, r.Bytes)
		}
		if files, err := os.ReadDir(filepath.Dir(r.Out)); err != nil || len(files) != 1 {
			t.Errorf("found files %v and error %v, want one", files, err)
		}
	}
	m, err := findPath("", id)
	if err != nil || m == nil {
		t.Fatalf("found path %v and error %v", m, err)
	}
	other := id
	other.Name, other.Fingerprint = "stranger", id.Fingerprint // found under the same name
	other.Vocab++
	if _, err := findPath("", other); !errors.Is(err, path.ErrOtherModel) || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("found error %v, want %v by name", err, path.ErrOtherModel)
	}
}

// TestTrainPlaces: a path lies beside its model, elsewhere where nothing may be
// written there, and never replaces what is no path.
func TestTrainPlaces(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	t.Setenv("HOME", state)
	dir := t.TempDir()
	id := &path.Identity{Fingerprint: "0f"}
	o := TrainOptions{Model: filepath.Join(dir, "m.gguf")}
	if got, err := o.out(id); got != o.Model+".path" || err != nil {
		t.Errorf("found %s and error %v, want it beside the model", got, err)
	}
	if err := os.WriteFile(o.Model+".path", []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.out(id); !errors.Is(err, ErrTrainOut) {
		t.Errorf("found error %v, want %v", err, ErrTrainOut)
	}
	o.Model = filepath.Join(dir, "none", "m.gguf") // as good as one that is not writable
	o.Out = filepath.Join(dir, "none", "p.path")
	if got, err := o.out(id); err == nil {
		t.Errorf("found %s in no directory", got)
	}
	o.Out = ""
	got, err := o.out(id)
	if err != nil || filepath.Base(got) != "0f.path" {
		t.Errorf("found %s and error %v, want the user's state", got, err)
	}
	if runtime.GOOS == "linux" && got != filepath.Join(state, "moed", "paths", "0f.path") {
		t.Errorf("found %s, want it in %s", got, state)
	}
}

// TestTrainRefuses: traces that are of no use, and interrupts, leave no file.
func TestTrainRefuses(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	short := recorded(t, 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		trace string
		want  error
	}{
		"no trace":      {context.Background(), filepath.Join(t.TempDir(), "none"), os.ErrNotExist},
		"another model": {context.Background(), "../testdata/traces/qwen3-30b-a3b.route.csv", ErrTrainTrace},
		"few tokens":    {context.Background(), short, ErrTrainShort},
		"interrupted":   {ctx, recorded(t, 100), context.Canceled},
	} {
		if _, err := Train(c.ctx, TrainOptions{Trace: c.trace, Out: out}); !errors.Is(err, c.want) {
			t.Errorf("%s: found error %v, want %v", name, err, c.want)
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("found error %v of what should not be there", err)
	}
}

// TestTextsOf puts visits together by turn and place, however they are batched.
func TestTextsOf(t *testing.T) {
	id := &path.Identity{Name: "m", Arch: "a", Experts: []int{0, 8, 8}, TopK: 1, Vocab: 100}
	layers := []trace.Layer{{}, {Experts: 8}, {Experts: 8}}
	visit := func(turn, layer int, pos int32, ids, chosen []int32) trace.Visit {
		v := trace.Visit{Turn: turn, Layer: layer, Tokens: len(ids), IDs: ids, Chosen: chosen}
		for i := range ids {
			v.Pos = append(v.Pos, pos+int32(i))
		}
		return v
	}
	tr := &trace.Trace{Model: "m", Arch: "a", TopK: 1, Layers: layers, Visits: []trace.Visit{
		visit(0, 1, 0, []int32{10, 11}, []int32{1, 2}),
		visit(0, 2, 0, []int32{10, 11}, []int32{3, 4}),
		visit(1, 1, 5, []int32{20}, []int32{5}), // begins after what an earlier one left
		visit(0, 1, 2, []int32{12}, []int32{6}), // its other layer is missing
		visit(0, 1, 3, []int32{13}, []int32{7}),
		visit(0, 2, 3, []int32{13}, []int32{0}),
		visit(0, 1, 1, []int32{14}, []int32{1}), // goes back
	}}
	got, err := textsOf(tr, id)
	if err != nil {
		t.Fatal(err)
	}
	want := []path.Text{
		{IDs: []int32{10, 11, 12, 13}, Chosen: [][]int32{nil, {1, 2, 6, 7}, {3, 4, -1, 0}}},
		{IDs: []int32{20}, Chosen: [][]int32{nil, {5}, {-1}}},
		{IDs: []int32{14}, Chosen: [][]int32{nil, {1}, {-1}}},
	}
	same := func(a, b path.Text) bool {
		return slices.Equal(a.IDs, b.IDs) && slices.EqualFunc(a.Chosen, b.Chosen, slices.Equal[[]int32])
	}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("found %v, want %v", got, want)
	}
	for name, change := range map[string]func(t *trace.Trace){
		"no ids": func(t *trace.Trace) {
			t.Visits = []trace.Visit{{Layer: 1, Tokens: 1, Pos: []int32{0}, Chosen: []int32{1}}}
		},
		"arch":    func(t *trace.Trace) { t.Arch = "b" },
		"top-k":   func(t *trace.Trace) { t.TopK = 2 },
		"experts": func(t *trace.Trace) { t.Layers = []trace.Layer{{}, {Experts: 8}, {Experts: 9}} },
		"layers":  func(t *trace.Trace) { t.Layers = layers[:2] },
	} {
		bad := *tr
		change(&bad)
		if _, err := textsOf(&bad, id); !errors.Is(err, ErrTrainTrace) {
			t.Errorf("%s: found error %v, want %v", name, err, ErrTrainTrace)
		}
	}
}
