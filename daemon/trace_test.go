package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"moed/moe/moetest"
	"moed/offload/policy"
	"moed/predictor/trace"
)

// traced records with o and reads what was written.
func traced(t *testing.T, o TraceOptions) (*TraceResult, *trace.Trace) {
	t.Helper()
	o.Out = filepath.Join(t.TempDir(), "t")
	r, err := TraceRecord(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := readTrace(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	return r, tr
}

// texts writes a file of texts.
func texts(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "texts")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTraceRecord: each text is there with the prompt as one batch per layer and
// then a token at a time; what the routers chose is what they thought best, and
// the ids are what the model reads and makes.
func TestTraceRecord(t *testing.T) {
	const n = 6
	r, tr := traced(t, TraceOptions{Prompts: texts(t, "Once upon a time", "", "The dog was sad."), Tokens: n, Exact: true})
	layers := len(tr.Layers)
	if r.Texts != 2 || r.Tokens != 2*n || r.Visits != len(tr.Visits) || len(tr.Visits) != 2*(1+n)*layers || tr.Note != "" {
		t.Fatalf("found %d visits in %+v, note %q", len(tr.Visits), r, tr.Note)
	}
	e, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for turn, text := range []string{"Once upon a time", "The dog was sad."} {
		bench, err := Bench(t.Context(), BenchOptions{Prompt: text, Tokens: n})
		if err != nil {
			t.Fatal(err)
		}
		want := append(e.raw(text), bench.IDs...)
		var ids []int32
		for i := range tr.Visits {
			v := &tr.Visits[i]
			if v.Turn != turn {
				continue
			}
			if v.Layer == 0 {
				if int(v.Pos[0]) != len(ids) || v.Decode != (len(ids) > 0) {
					t.Errorf("visit %d is at %d, decode %v, behind %d tokens", i, v.Pos[0], v.Decode, len(ids))
				}
				ids = append(ids, v.IDs...)
			}
			best(t, tr, v)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("text %d: found the tokens %v, want %v", turn, ids, want)
		}
	}
}

// best checks that a visit's choices are the likeliest experts, and weigh what
// their probabilities do among them.
func best(t *testing.T, tr *trace.Trace, v *trace.Visit) {
	t.Helper()
	experts := tr.Layers[v.Layer].Experts
	for i := range v.Tokens {
		probs := v.Probs[i*experts : (i+1)*experts]
		chosen, weights := v.Chosen[i*tr.TopK:(i+1)*tr.TopK], v.Weights[i*tr.TopK:(i+1)*tr.TopK]
		sum := float32(0)
		for _, e := range chosen {
			sum += probs[e]
		}
		for k, e := range chosen {
			if w := probs[e] / sum; math.Abs(float64(w-weights[k])) > 1e-5 {
				t.Errorf("layer %d: expert %d of probability %v among %v weighs %v", v.Layer, e, probs[e], sum, weights[k])
			}
		}
		least := probs[chosen[tr.TopK-1]]
		for e, p := range probs {
			if p > least && !slices.Contains(chosen, int32(e)) {
				t.Errorf("layer %d: expert %d of probability %v is not chosen, one of %v is", v.Layer, e, p, least)
			}
		}
	}
}

// TestTraceForms: memory, form and size of what is kept do not change which
// experts are chosen.
func TestTraceForms(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	file := texts(t, "a text of some tokens")
	_, want := traced(t, TraceOptions{Config: Config{Model: path, Context: 256}, Prompts: file, Tokens: 12})
	for name, o := range map[string]TraceOptions{
		"csv":          {Config: Config{Model: path, Context: 256}, CSV: true},
		"no probs":     {Config: Config{Model: path, Context: 256}, NoProbs: true},
		"small memory": {Config: least(t, Config{Model: path, Context: 256}, 0.2)},
		"packed":       {Config: Config{Model: packed(t, path).path, Context: 256}},
	} {
		o.Prompts, o.Tokens = file, 12
		r, got := traced(t, o)
		if len(got.Visits) != len(want.Visits) {
			t.Fatalf("%s: found %d visits, want %d", name, len(got.Visits), len(want.Visits))
		}
		for i := range want.Visits {
			v, w := &got.Visits[i], &want.Visits[i]
			if !slices.Equal(v.Chosen, w.Chosen) || !slices.Equal(v.IDs, w.IDs) || !slices.Equal(v.Pos, w.Pos) || v.Layer != w.Layer || v.Decode != w.Decode {
				t.Fatalf("%s: visit %d: found %+v, want %+v", name, i, v, w)
			}
			if (v.Probs != nil) != r.Probs {
				t.Fatalf("%s: visit %d has %d probabilities", name, i, len(v.Probs))
			}
		}
		if !slices.Equal(got.Layers, want.Layers) {
			t.Errorf("%s: found layers %+v, want %+v", name, got.Layers, want.Layers)
		}
	}
}

// TestTraceLive: what the run counted is what a replay of its trace in as many
// slots counts.
func TestTraceLive(t *testing.T) {
	path := padded(t, modelFile(t, routed("olmoe"), "stock"))
	for _, name := range policy.Names() {
		c := least(t, Config{Model: path, Context: 256, Flash: FlashConfig{Policy: name, Ahead: -1, Profile: NoProfile}}, 0.3)
		r, _ := traced(t, TraceOptions{Config: c, Prompts: texts(t, "a", "b"), Raw: true, Tokens: 20, Exact: true})
		replayed, err := Replay(t.Context(), ReplayOptions{Trace: r.Out, Budgets: []string{fmt.Sprint(r.Live.ExpertBytes)}, Policies: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		if got := replayed.Budgets[0].Policies[0].HitRatio; got != r.Live.HitRatio || r.Live.Wanted != 40*16 || r.Live.Hits == 0 {
			t.Errorf("%s: replay of %d slots hits %v, the run %+v", name, replayed.Budgets[0].Slots, got, r.Live)
		}
	}
}

// TestTraceFile: only the owner may read it, it takes nobody's place, and
// nothing else is left.
func TestTraceFile(t *testing.T) {
	out := filepath.Join(t.TempDir(), "t")
	o := TraceOptions{Out: out, Tokens: 2}
	if _, err := TraceRecord(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	if _, err := TraceRecord(t.Context(), o); !errors.Is(err, ErrTraceExists) {
		t.Errorf("found %v, want %v", err, ErrTraceExists)
	}
	alone(t, out)
}

// alone checks that there is no other file beside path.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("found %v beside %s", entries, path)
	}
}

// TestTraceInterrupted: what was recorded until then is a whole file.
func TestTraceInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := filepath.Join(t.TempDir(), "t")
	r, err := TraceRecord(ctx, TraceOptions{Out: out, Tokens: 40, Observe: func(p TraceProgress) {
		if p.Tokens == 7 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || r == nil {
		t.Fatalf("found %+v, %v", r, err)
	}
	tr, err := readTrace(out)
	if err != nil || tr.Note != "" || len(tr.Visits) != r.Visits || r.Visits < 8*len(tr.Layers) {
		t.Errorf("%v: note %q: %d visits of %+v", err, tr.Note, len(tr.Visits), r)
	}
	alone(t, out)
}

// full writes to a file until it has no room.
type full struct {
	to   *os.File
	left int
}

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		n, _ := f.to.Write(b[:len(b)/2])
		return n, errors.New("no room")
	}
	return f.to.Write(b)
}

// TestTraceDiskFull: the error is told, and what was written can be read.
func TestTraceDiskFull(t *testing.T) {
	e, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	o := TraceOptions{Out: filepath.Join(t.TempDir(), "t")}
	o.settle()
	r, err := newRecorder(e, &o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.file.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.file.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	shape, err := traceShape("m", e.model)
	if err != nil {
		t.Fatal(err)
	}
	if r.writer, err = trace.NewWriter(&full{r.file, 2000}, trace.Binary, shape); err != nil {
		t.Fatal(err)
	}
	result, err := r.end(r.run(t.Context(), [][]int32{{1, 2, 3}}))
	if err == nil || !strings.Contains(err.Error(), "no room") || result == nil {
		t.Fatalf("found %+v, %v", result, err)
	}
	tr, err := readTrace(o.Out)
	if err != nil || len(tr.Visits) != result.Visits || tr.Note == "" || result.Tokens == 0 || result.Tokens == o.Tokens {
		t.Errorf("%v: %d visits, note %q, of %+v", err, len(tr.Visits), tr.Note, result)
	}
}

// TestTraceNothing: where nothing was recorded, there is no file.
func TestTraceNothing(t *testing.T) {
	dir := t.TempDir()
	dense := tinyModel(t, moetest.Spec{Model: "qwen3"})
	for want, o := range map[string]TraceOptions{
		"no routed experts":      {Config: Config{Model: dense}},
		"no such file":           {Prompts: filepath.Join(dir, "none")},
		"-1 tokens":              {Tokens: -1},
		"leaves no room in a":    {Prompts: texts(t, strings.Repeat("word ", 600))},
		"no text in it":          {Prompts: texts(t, " ", "")},
		"line 2: want {\"prompt": {Prompts: texts(t, `{"prompt":"x"}`, `{`)},
		"line 3: found no":       {Prompts: texts(t, `{"prompt":"x"}`, "", `{"text":"x"}`)},
	} {
		o.Out = filepath.Join(dir, "t")
		if _, err := TraceRecord(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %v, want %q", err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("found %v, %v", entries, err)
	}
}

// TestReplayPublished: by way of the command's own path the published trace
// gives the published curve, in % of what decode wants.
func TestReplayPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and has nothing to race")
	}
	o := ReplayOptions{Trace: "../testdata/traces/qwen3-30b-a3b.route.csv", Rule: RulePublished, Policies: []string{"lru", "lfu"}}
	want := []struct {
		mib              int
		belady, lru, lfu float64
	}{
		{250, 27.5, 0, 17.1}, {500, 45.3, 0, 26.6}, {750, 55.4, 0, 34.1}, {1000, 62.7, 37.7, 40.2}, {1500, 72.7, 47.0, 50.3}, {2000, 79.4, 56.5, 58.6},
		{2500, 84.1, 65.1, 65.5}, {3000, 87.8, 70.6, 71.3}, {4000, 92.7, 80.3, 80.8}, {6000, 96.6, 92.1, 92.0}, {8000, 97.1, 96.0, 96.0},
	}
	for _, w := range want {
		o.Budgets = append(o.Budgets, fmt.Sprintf("%dMiB", w.mib))
	}
	r, err := Replay(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		b := &r.Budgets[i]
		for k, pair := range [][2]float64{{b.Belady.HitRatio, w.belady}, {b.Policies[0].HitRatio, w.lru}, {b.Policies[1].HitRatio, w.lfu}} {
			if math.Abs(100*pair[0]-pair[1]) > 0.1 {
				t.Errorf("%d MiB: column %d: found %.2f %%, want %.1f", w.mib, k, 100*pair[0], pair[1])
			}
		}
		if b.BelowCycle != (w.lru == 0) {
			t.Errorf("%d MiB: below the token cycle: %v, but lru hits %v %%", w.mib, b.BelowCycle, w.lru)
		}
	}
}

// TestReplayLadder: the budgets that are chosen without flags begin below the
// token cycle, and all numbers are what they should be.
func TestReplayLadder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and has nothing to race")
	}
	for _, rule := range []string{RuleStore, RulePublished} {
		r, err := Replay(t.Context(), ReplayOptions{Trace: "../testdata/traces/qwen3-30b-a3b.route.csv", Rule: rule, Policies: []string{"lru"}, Layers: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Tokens != 128 || r.PromptTokens != 28 || r.Layers != 48 || !r.Budgets[0].BelowCycle || r.Budgets[1].BelowCycle {
			t.Errorf("%s: found %+v", rule, r)
		}
		before := 0.0
		for _, b := range r.Budgets {
			lru := b.Policies[0]
			if lru.HitRatio > b.Belady.HitRatio || lru.HitRatio < before || b.Bytes > 2*r.ExpertBytes || (b.Slots > 0) != (rule == RuleStore) {
				t.Errorf("%s: %d bytes, %d slots: lru hits %v, belady %v, in less %v", rule, b.Bytes, b.Slots, lru.HitRatio, b.Belady.HitRatio, before)
			}
			before = lru.HitRatio
			wanted, missed := 0, int64(0)
			for _, l := range lru.Layers {
				wanted += l.Wanted
				missed += l.Bytes
			}
			if wanted != 128*48*6 || math.Abs(float64(missed)/128-lru.TokenBytes) > 1 {
				t.Errorf("%s: %d bytes: the layers want %d and miss %d bytes, %v a token", rule, b.Bytes, wanted, missed, lru.TokenBytes)
			}
		}
	}
}

func TestReplayInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Replay(ctx, ReplayOptions{Trace: "../testdata/traces/qwen3-30b-a3b.route.csv", Observe: func(done, _ int) {
		if done == 1 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
}
