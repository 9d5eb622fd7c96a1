package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moed/moe"
	"moed/moe/gguf"
	"moed/moe/moetest"
	"moed/predictor/cost"
	"moed/predictor/trace"
)

var update = flag.Bool("update", false, "make the files that tests compare with")

// TestTypicalTrace: what is built in is the recorded trace, without what replay
// does not need.
func TestTypicalTrace(t *testing.T) {
	recorded, err := readTrace("../testdata/traces/qwen3-30b-a3b.route.csv")
	if err != nil {
		t.Fatal(err)
	}
	for i := range recorded.Visits {
		recorded.Visits[i].Weights = nil
	}
	var want bytes.Buffer
	if err := recorded.Write(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("typical.trace", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("typical.trace")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("typical.trace has %d bytes that differ from the %d of the recorded trace; go test -run TestTypicalTrace -update makes it anew", len(got), want.Len())
	}
}

// TestTypicalFigures: what package cost says is typical is what the trace shows.
func TestTypicalFigures(t *testing.T) {
	r, err := loadRouting("", "none", &moe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.run(t.Context(), "", 0.2); err != nil {
		t.Fatal(err)
	}
	curve, cover := cost.Typical()
	for _, share := range []float64{1. / 64, 1. / 16, 0.1, 0.2, 0.5, 1} {
		if got, want := r.curve.At(share, 99), curve.At(share, 99); math.Abs(got-want) > 0.03 {
			t.Errorf("a cache of %.3f: the trace's hit ratio is %.3f, the typical %.3f", share, got, want)
		}
	}
	for _, choices := range []float64{0.1, 1, 3, 6, 24} {
		if got, want := r.cover.At(choices), cover.At(choices); math.Abs(got-want) > 0.03 {
			t.Errorf("%v choices per expert: the trace's cover %.3f of a layer, the typical %.3f", choices, got, want)
		}
	}
	if r.low > 1 || r.high < 1 || r.low <= 0 || r.high > 2 {
		t.Errorf("the quarters miss %.2f to %.2f of the average", r.low, r.high)
	}
}

// estimated is an estimator for a machine that is always the same.
func estimated(t *testing.T, o PlanOptions) *estimator {
	t.Helper()
	e, err := newEstimator(&o)
	if err != nil {
		t.Fatal(err)
	}
	e.rates = kernelRates{}
	for _, typ := range e.types() {
		e.rates[typ] = cost.Rate{Bytes: 20e9, Adds: 100e9}
	}
	e.disk = DiskRate{Source: "made up", Backend: "direct", Rate: 1.5e9}
	e.reads = cost.Reads{Direct: true, Threads: 2}
	if err := e.replay(t.Context(), &o); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestPlanProperties: the parts are the budget, each range holds its estimate, and
// more memory is never slower: not for tokens with the same chunks of a prompt,
// nor for a page and its answer with the chunks that are chosen for them.
func TestPlanProperties(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and has nothing to race")
	}
	for _, name := range moetest.Models() {
		t.Run(name, func(t *testing.T) {
			path := modelFile(t, routed(name), "stock")
			e := estimated(t, PlanOptions{Config: Config{Model: path, Memory: "1G", Context: 1024}})
			if e.smallest >= e.everything {
				t.Fatalf("the smallest budget is %d, all %d", e.smallest, e.everything)
			}
			before := &Forecast{Speed: &Speed{}}
			page := func(f *Forecast) float64 { return f.First[1].Prefill + 256*f.Seconds }
			const steps = 40
			for i := range steps + 1 {
				e.asked = e.smallest + (e.everything-e.smallest)*int64(i)/steps
				f, err := e.forecast()
				if err != nil {
					t.Fatal(err)
				}
				checkForecast(t, f)
				if f.Chunk == before.Chunk && (f.Rate < before.Rate*(1-1e-9) || f.HitRatio < before.HitRatio) {
					t.Errorf("in %d: %v tok/s with hits %v, in less %v and %v", e.asked, f.Rate, f.HitRatio, before.Rate, before.HitRatio)
				}
				if i > 0 && page(f) > page(before)*1.02 {
					t.Errorf("in %d: a page and its answer take %v s with chunks of %d, in less %v s with %d", e.asked, page(f), f.Chunk, page(before), before.Chunk)
				}
				before = f
			}
			for _, x := range []struct {
				budget int64
				runs   bool
			}{{e.smallest - 1, false}, {e.smallest, true}, {e.everything, true}} {
				if _, err := e.at(x.budget); (err == nil) != x.runs {
					t.Errorf("in %d of %d to %d: %v", x.budget, e.smallest, e.everything, err)
				}
			}
		})
	}
}

// checkForecast holds f to what is true of any that runs.
func checkForecast(t *testing.T, f *Forecast) {
	t.Helper()
	p := f.Memory
	if sum := p.Dense + p.KV + p.Scratch + p.Heap + p.ReadBuffers + p.Experts + p.Spare; sum != f.Budget || !f.Runs {
		t.Errorf("the parts of %d come to %d; runs: %v", f.Budget, sum, f.Runs)
	}
	if !(f.Low <= f.Rate/1.2+1e-9 && f.High >= f.Rate*1.2-1e-9) || !(f.HitLow <= f.HitRatio && f.HitRatio <= f.HitHigh) {
		t.Errorf("the rate %v is in %v to %v, the hit ratio %v in %v to %v", f.Rate, f.Low, f.High, f.HitRatio, f.HitLow, f.HitHigh)
	}
	if f.RateFull > f.Rate || f.Rate <= 0 || math.IsInf(f.High, 0) {
		t.Errorf("%v tok/s, %v with a full context, up to %v", f.Rate, f.RateFull, f.High)
	}
	if f.Useful < f.Smallest || f.Useful > f.Everything {
		t.Errorf("of use from %d, in %d to %d", f.Useful, f.Smallest, f.Everything)
	}
	asked := slices.DeleteFunc(slices.Clone(f.Chart), func(p ChartPoint) bool { return !p.Asked })
	if len(asked) != 1 || asked[0].Rate != f.Rate || !slices.IsSortedFunc(f.Chart, func(a, b ChartPoint) int { return int(a.Budget - b.Budget) }) {
		t.Errorf("the chart %+v, of %v tok/s", f.Chart, f.Rate)
	}
	for i, first := range f.First {
		if first.Seconds < first.Load || i > 0 && first.Seconds < f.First[i-1].Seconds {
			t.Errorf("the first tokens %+v", f.First)
		}
	}
	if _, err := json.Marshal(f); err != nil {
		t.Error(err)
	}
}

// TestPlanCountsAsTheEngine: memory is what Open divides, the KV cache what
// moe.Measure counts, and a token's weights those of the file.
func TestPlanCountsAsTheEngine(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	for _, kv := range []string{"f16", "f32"} {
		c := least(t, Config{Model: path, Context: 512, KV: kv, Flash: quick}, 0.5)
		e := estimated(t, PlanOptions{Config: c})
		f, err := e.forecast()
		if err != nil {
			t.Fatal(err)
		}
		engine := opened(t, c)
		p := engine.memory.plan
		if f.Memory.Experts != p.Experts || f.Memory.Dense != p.Dense || f.Memory.Scratch != p.Scratch || f.Chunk != engine.model.Options().Batch {
			t.Errorf("planned %+v in chunks of %d, opened %+v in chunks of %d", f.Memory, f.Chunk, p, engine.model.Options().Batch)
		}
		fp := engine.memory.footprint
		if want := 1000 * fp.KVBlock / int64(fp.KVTokens); f.KVPerThousand != want {
			t.Errorf("%s: %d bytes of KV for 1000 tokens, want %d", kv, f.KVPerThousand, want)
		}
		experts := 0.0
		for _, w := range e.experts {
			experts += w.bytes
		}
		if int64(experts) != fp.Memory.Experts {
			t.Errorf("%v bytes of experts, want %d", experts, fp.Memory.Experts)
		}
	}
}

// TestPlanOfOwnTrace: a trace beside the model is used, one that is named comes
// before it, and one that is broken is an error that names it.
func TestPlanOfOwnTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and has nothing to race")
	}
	path := modelFile(t, routed("qwen3moe"), "stock")
	own := &trace.Trace{Model: "own", Arch: "qwen3moe", TopK: 4, Layers: slices.Repeat([]trace.Layer{{Experts: 16, Bytes: 1000}}, 4)}
	for token := range int32(8) { // always the same experts
		for layer := range 4 {
			own.Visits = append(own.Visits, trace.Visit{Layer: layer, Decode: true, Tokens: 1, Pos: []int32{token}, Chosen: []int32{0, 1, 2, 3}})
		}
	}
	write := func(name string, model string) string {
		var b bytes.Buffer
		own.Model = model
		if err := own.Write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	o := PlanOptions{Config: Config{Model: path, Memory: "1G", Context: 512}}
	if e := estimated(t, o); e.routing.Source != "typical" || e.routing.Own {
		t.Errorf("without a trace: %+v", e.routing.Routing)
	}
	beside := write(strings.TrimSuffix(path, ".gguf")+".trace", "beside")
	e := estimated(t, o)
	if e.routing.Model != "beside" || e.routing.Tokens != 8 || !e.routing.Own {
		t.Errorf("with a trace beside the model: %+v", e.routing.Routing)
	}
	if got := e.routing.curve.At(0.5, 9); math.Abs(got-7./8) > 1e-9 {
		t.Errorf("seven of eight tokens find what the first read: a hit ratio of %v", got)
	}
	o.Trace = write(filepath.Join(t.TempDir(), "named"), "named")
	if e := estimated(t, o); e.routing.Model != "named" {
		t.Errorf("with a trace named: %+v", e.routing.Routing)
	}
	if err := os.WriteFile(beside, []byte("no trace"), 0o600); err != nil {
		t.Fatal(err)
	}
	estimated(t, o)
	o.Trace = ""
	if _, err := Plan(t.Context(), o); err == nil || !strings.Contains(err.Error(), beside) {
		t.Errorf("with a broken trace: %v", err)
	}
	own.Visits = own.Visits[:4]
	o.Trace = write(filepath.Join(t.TempDir(), "short"), "short")
	if _, err := Plan(t.Context(), o); err == nil || !strings.Contains(err.Error(), "1 decoded token") {
		t.Errorf("with a short trace: %v", err)
	}
}

// TestPlanOfGoldenFiles: each of them gets an answer, measured on this machine.
func TestPlanOfGoldenFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and has nothing to race")
	}
	said := 0
	for _, name := range []string{"deepseek2-lite-Q4_K_M", "gpt-oss-MXFP4_MOE"} {
		o := PlanOptions{Config: Config{Model: "../testdata/golden/" + name + ".gguf", Memory: "200M"}, Say: func(string) { said++ }}
		f, err := Plan(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		checkForecast(t, f)
		if f.Disk.Rate <= 0 || len(f.Rates) == 0 || f.Routing.Own || f.Arithmetic <= 0 {
			t.Errorf("%s: disk %+v, kernels %+v, routing %+v, %v s", name, f.Disk, f.Rates, f.Routing, f.Arithmetic)
		}
	}
	if said == 0 {
		t.Error("nothing was said on the way")
	}
}

// TestPlanRefuses: a budget too small is an answer, a file that is none an error.
func TestPlanRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and has nothing to race")
	}
	o := PlanOptions{Config: Config{Model: "../testdata/golden/qwen3moe-Q4_K_M.gguf", Memory: "1M"}}
	f, err := Plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if f.Runs || f.Speed != nil || f.Memory != nil || !strings.Contains(f.Why, "the smallest that works is") || len(f.Chart) == 0 {
		t.Errorf("in 1 MB: %+v", f)
	}
	o.Memory = fmt.Sprint(f.Smallest)
	if f, err := Plan(t.Context(), o); err != nil || !f.Runs {
		t.Errorf("in %s bytes: %+v, %v", o.Memory, f, err)
	}
	whole, err := os.ReadFile(o.Model)
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{"empty": nil, "text": []byte("GGUF or not"), "cut": whole[:len(whole)/2], "header cut": whole[:200]} {
		o.Model = filepath.Join(t.TempDir(), "bad.gguf")
		if err := os.WriteFile(o.Model, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, want := Inspect(o.Model)
		_, got := Plan(t.Context(), o)
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%s: found %v, want inspect's %v", what, got, want)
		}
	}
	o.Model = t.TempDir()
	if _, err := Plan(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	o.Model = "../testdata/golden/qwen3moe-Q4_K_M.gguf"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Plan(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// FuzzPlanHeader: whatever header gguf accepts is planned for or refused.
func FuzzPlanHeader(f *testing.F) {
	for _, name := range []string{"qwen3moe-Q4_K_M", "deepseek2-lite-Q4_K_M", "gpt-oss-MXFP4_MOE"} {
		b, err := os.ReadFile("../testdata/golden/" + name + ".gguf")
		if err != nil {
			f.Fatal(err)
		}
		head, err := gguf.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:head.DataOffset], int64(len(b)), int64(100e6))
	}
	f.Fuzz(func(t *testing.T, b []byte, size, asked int64) {
		head, err := gguf.Read(bytes.NewReader(b), size)
		if err != nil {
			return
		}
		e := &estimator{options: moe.Options{Threads: 2, Batch: 32, Context: 64}, memory: &memory{share: 1}, ahead: true,
			header: &header{path: "fuzz", file: head, size: size}, asked: asked, routing: &routing{low: 1, high: 1}}
		if e.measure() != nil {
			return
		}
		e.weigh()
		e.disk.Rate = 1e9
		e.rates = kernelRates{}
		for _, typ := range e.types() {
			e.rates[typ] = cost.Rate{Bytes: 20e9, Adds: 100e9}
		}
		forecast, err := e.forecast()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(forecast); err != nil {
			t.Error(err)
		}
	})
}
