package trace_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moed/predictor/trace"
)

const published = "../../testdata/traces/qwen3-30b-a3b.route.csv"

// made is a small trace with all that a trace can have: two texts, a layer
// without experts, one of more than 256, prompts in batches, weights beyond the
// levels.
func made() *trace.Trace {
	rng := rand.New(rand.NewPCG(1, 2))
	t := &trace.Trace{Model: "a model of mine", Arch: "made", TopK: 3, Layers: []trace.Layer{
		{Dense: 1000}, {Experts: 8, Bytes: 70, Dense: 11}, {Experts: 300, Bytes: 64}, {Experts: 8, Bytes: 1 << 40}}}
	for turn := range 2 {
		for pos, tokens := 0, 0; pos < 12; pos += tokens {
			tokens = 1
			if pos == 0 {
				tokens = 5
			}
			for layer := 1; layer < 4; layer++ {
				v := trace.Visit{Turn: turn, Layer: layer, Decode: pos > 0, Tokens: tokens}
				experts := t.Layers[layer].Experts
				for i := range tokens {
					v.Pos = append(v.Pos, int32(pos+i))
					v.IDs = append(v.IDs, int32(100*turn+pos+i))
					for _, e := range rng.Perm(experts)[:t.TopK] {
						v.Chosen = append(v.Chosen, int32(e))
						v.Weights = append(v.Weights, rng.Float32())
					}
				}
				for range tokens * experts {
					v.Probs = append(v.Probs, rng.Float32()/float32(experts))
				}
				if turn == 1 && layer == 2 {
					v.Weights[1] = -20
				}
				t.Visits = append(t.Visits, v)
			}
		}
	}
	return t
}

func encoded(t testing.TB, tr *trace.Trace, f trace.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	write := tr.Write
	if f == trace.CSV {
		write = tr.WriteCSV
	}
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, b []byte) *trace.Trace {
	t.Helper()
	tr, err := trace.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestBinary: all comes back, numbers on a scale within its 3 %, others exactly;
// what has been read is written the same again.
func TestBinary(t *testing.T) {
	want := made()
	b := encoded(t, want, trace.Binary)
	got := read(t, b)
	if got.Note != "" {
		t.Errorf("note: %s", got.Note)
	}
	near := cmp.Comparer(func(x, y float32) bool {
		large := max(math.Abs(float64(x)), math.Abs(float64(y)))
		return math.Abs(float64(x-y)) <= 0.03*large || large < 5e-6 && min(x, y) == 0
	})
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i, v := range want.Visits {
		if v.Turn == 1 && v.Layer == 2 && !cmp.Equal(v.Weights, got.Visits[i].Weights) {
			t.Errorf("visit %d: found weights %v, want %v", i, got.Visits[i].Weights, v.Weights)
		}
	}
	if again := encoded(t, got, trace.Binary); !bytes.Equal(again, b) {
		t.Error("what was read is written differently")
	}
}

// TestExact: told to, a Writer keeps every bit.
func TestExact(t *testing.T) {
	want := made()
	var b bytes.Buffer
	w, err := trace.NewWriter(&b, trace.Binary, want)
	if err != nil {
		t.Fatal(err)
	}
	w.Exact = true
	for i := range want.Visits {
		if err := w.Visit(&want.Visits[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(t, b.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCSV: all but the probabilities comes back exactly.
func TestCSV(t *testing.T) {
	want := made()
	got := read(t, encoded(t, want, trace.CSV))
	for i := range want.Visits {
		want.Visits[i].Probs = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUnknown: what is not known stays so in both forms.
func TestUnknown(t *testing.T) {
	want := made()
	for i := range want.Visits {
		v := &want.Visits[i]
		v.IDs, v.Weights, v.Probs = nil, nil, nil
	}
	for _, f := range []trace.Format{trace.Binary, trace.CSV} {
		if diff := cmp.Diff(want, read(t, encoded(t, want, f))); diff != "" {
			t.Errorf("format %d: -want +got:\n%s", f, diff)
		}
	}
}

// TestPublished reads the published trace and writes the same lines again, but
// for what the recording engine's cache did.
func TestPublished(t *testing.T) {
	text, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	tr := read(t, text)
	if tr.Note != "" || tr.Model != "Qwen3-30B-A3B-Q4_K_M.gguf" || tr.Arch != "qwen3moe" || tr.TopK != 6 || len(tr.Layers) != 48 {
		t.Errorf("found %s, %s, %d of %d layers, note %q", tr.Model, tr.Arch, tr.TopK, len(tr.Layers), tr.Note)
	}
	if l := tr.Layers[6]; l != (trace.Layer{Experts: 128, Bytes: 2654208, Dense: 11682816}) {
		t.Errorf("layer 6 is %+v", l)
	}
	if n := len(tr.Visits); n != 48+48*128 {
		t.Errorf("found %d visits, want one per layer for the prompt and for each of 128 tokens", n)
	}
	if first, last := tr.Visits[0], tr.Visits[47]; first.Tokens != 28 || last.Tokens != 1 || last.Pos[0] != 27 || first.Decode || !tr.Visits[48].Decode {
		t.Errorf("the prompt's first layer has %d tokens, its last %d at %v", first.Tokens, last.Tokens, last.Pos)
	}
	got := strings.Split(string(encoded(t, tr, trace.CSV)), "\n")
	want := strings.Split(string(text), "\n")
	if len(got) != len(want) {
		t.Fatalf("found %d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if strings.HasPrefix(want[i], "#") {
			if got[i] != want[i] {
				t.Fatalf("line %d: found %s, want %s", i+1, got[i], want[i])
			}
		} else if g, w := columns(got[i]), columns(want[i]); g != w {
			t.Fatalf("line %d: found %s, want %s", i+1, g, w)
		}
	}
	// Without ids, weights at one byte: 13 bytes of choices and weights and 11 of frame a visit.
	if n := len(encoded(t, tr, trace.Binary)); n > 30*len(tr.Visits) {
		t.Errorf("%d bytes in the binary form", n)
	}
}

// columns are the first seven.
func columns(line string) string {
	f := strings.Split(line, ",")
	return strings.Join(f[:min(7, len(f))], ",")
}

// TestCut reads files cut off anywhere: never more than the visits before, never
// other ones, and a note unless nothing is missing.
func TestCut(t *testing.T) {
	tr := made()
	tr.Visits = append(tr.Visits[:7:7], tr.Visits[25:28]...)
	for _, f := range []trace.Format{trace.Binary, trace.CSV} {
		b := encoded(t, tr, f)
		whole := read(t, b)
		visits := 0
		for n := range b {
			got, err := trace.Read(bytes.NewReader(b[:n]))
			if err != nil {
				if visits > 0 {
					t.Fatalf("format %d: %d bytes: %v", f, n, err)
				}
				continue
			}
			if f == trace.Binary && got.Note == "" {
				t.Fatalf("%d of %d bytes are read without a note", n, len(b))
			}
			if len(got.Visits) < visits || len(got.Visits) > visits+1 {
				t.Fatalf("format %d: %d bytes: found %d visits, %d before", f, n, len(got.Visits), visits)
			}
			if len(got.Visits) == visits {
				continue
			}
			visits = len(got.Visits)
			last := visits
			if f == trace.CSV { // its last visit may lack tokens
				last--
			}
			if diff := cmp.Diff(whole.Visits[:last], got.Visits[:last]); diff != "" {
				t.Fatalf("format %d: %d bytes: -want +got:\n%s", f, n, diff)
			}
		}
		want := len(whole.Visits)
		if f == trace.CSV { // whose last line has no end
			want--
		}
		if visits != want {
			t.Errorf("format %d: without the last byte: found %d visits, want %d", f, visits, want)
		}
	}
}

// TestDamaged: a byte that is not what was written ends the trace before it.
func TestDamaged(t *testing.T) {
	b := encoded(t, made(), trace.Binary)
	for n := 100; n < len(b); n += 53 {
		d := bytes.Clone(b)
		d[n] ^= 0x20
		got, err := trace.Read(bytes.NewReader(d))
		if err == nil && got.Note == "" {
			t.Errorf("byte %d of %d: nothing is noticed", n, len(b))
		}
	}
}

// TestWholeRecords: every Write has whole records, so that a process that is
// killed leaves a file that can be read.
func TestWholeRecords(t *testing.T) {
	tr := made()
	for _, f := range []trace.Format{trace.Binary, trace.CSV} {
		var b bytes.Buffer
		w, err := trace.NewWriter(&b, f, tr)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tr.Visits {
			if err := w.Visit(&tr.Visits[i]); err != nil {
				t.Fatal(err)
			}
			if n := len(read(t, b.Bytes()).Visits); n != i+1 {
				t.Fatalf("format %d: found %d visits, want %d", f, n, i+1)
			}
		}
	}
}

// TestWriterAllocates nothing for a visit like the one before.
func TestWriterAllocates(t *testing.T) {
	tr := made()
	for _, f := range []trace.Format{trace.Binary, trace.CSV} {
		w, err := trace.NewWriter(io.Discard, f, tr)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			for i := range tr.Visits {
				if err := w.Visit(&tr.Visits[i]); err != nil {
					t.Fatal(err)
				}
			}
		}); n != 0 {
			t.Errorf("format %d: %v allocations", f, n)
		}
	}
}

type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, fmt.Errorf("disk full")
	}
	return len(b), nil
}

func TestWriteFails(t *testing.T) {
	for _, f := range []trace.Format{trace.Binary, trace.CSV} {
		for _, left := range []int{0, 400} {
			w, err := trace.NewWriter(&full{left}, f, made())
			for i := 0; err == nil && i < 36; i++ {
				err = w.Visit(&made().Visits[i])
			}
			if err == nil || !strings.Contains(err.Error(), "disk full") {
				t.Errorf("format %d: room for %d bytes: found %v", f, left, err)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for want, change := range map[string]func(*trace.Trace){
		"found 0 layers":                           func(t *trace.Trace) { t.Layers = nil },
		"found a choice of 0":                      func(t *trace.Trace) { t.TopK = 0 },
		"found a choice of 9 out of 8":             func(t *trace.Trace) { t.TopK = 9 },
		"layer 1: found -1 experts":                func(t *trace.Trace) { t.Layers[1].Experts = -1 },
		"found a visit of layer 0, which has no":   func(t *trace.Trace) { t.Visits[0].Layer = 0 },
		"found a visit of layer 4, which has no":   func(t *trace.Trace) { t.Visits[0].Layer = 4 },
		"visit 3: token 0: found expert 8 of 8":    func(t *trace.Trace) { t.Visits[3].Chosen[1] = 8 },
		"visit 3: token 0: expert 3 is chosen":     func(t *trace.Trace) { t.Visits[3].Chosen[0], t.Visits[3].Chosen[2] = 3, 3 },
		"found the weight NaN":                     func(t *trace.Trace) { t.Visits[0].Weights[0] = float32(math.NaN()) },
		"expert 1: found the probability 1.5":      func(t *trace.Trace) { t.Visits[0].Probs[1] = 1.5 },
		"found 4 positions and 5 ids of 5 tokens":  func(t *trace.Trace) { t.Visits[0].Pos = t.Visits[0].Pos[1:] },
		"found 14 choices and 15 weights":          func(t *trace.Trace) { t.Visits[0].Chosen = t.Visits[0].Chosen[1:] },
		"found a negative position or id":          func(t *trace.Trace) { t.Visits[0].IDs[0] = -1 },
		"found 39 probabilities of 5 tokens and 8": func(t *trace.Trace) { t.Visits[0].Probs = t.Visits[0].Probs[1:] },
	} {
		tr := made()
		change(tr)
		if err := tr.Write(io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %v, want %q", err, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	head := "# route_trace v1\n# model=m arch=a n_layer=2 n_expert=4 n_expert_used=2\n"
	names := "turn,phase,step,layer,slot,expert,weight,residency,expert_bytes\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "not a trace"},
		"something else":     {"GGUF and more of it", "not a trace"},
		"no columns":         {head, "found no line that begins with turn,"},
		"other columns":      {head + "a,b,c\n", "line 3: found \"a,b,c\""},
		"no shape":           {"# route_trace v1\n" + names, "line 2: found 0 layers"},
		"layers":             {"# route_trace v1\n# n_layer=100000000\n", "found 100000000 layers"},
		"layers twice":       {head + "# n_layer=2\n", "line 3: found 2 layers behind 2"},
		"experts":            {"# route_trace v1\n# n_layer=4096 n_expert=65536 n_expert_used=2\n" + names, "in all"},
		"layer":              {head + "# layer=2 expert_bytes=1\n", "found layer 2 of 2"},
		"no number":          {head + "# layer=1 expert_bytes=x\n", `found "expert_bytes=x", want a number`},
		"few columns":        {head + names + "0,0,0\n", "line 4: found 3 columns, want 9"},
		"negative":           {head + names + "0,0,0,0,0,-1,1,0,0\n", `expert: found "-1"`},
		"expert":             {head + names + "0,0,0,0,0,4,1,0,0\n0,0,0,0,1,2,1,0,0\n", "found expert 4 of 4"},
		"weight":             {head + names + "0,0,0,0,0,1,much,0,0\n", `weight: found "much"`},
		"slot":               {head + names + "0,0,0,0,1,1,1,0,0\n", "found slot 1, want 0"},
		"missing slot":       {head + names + "0,0,0,0,0,1,1,0,0\n0,0,1,0,0,1,1,0,0\n", "line 5: found slot 0 of layer 0 at step 1, want slot 1"},
		"phase":              {head + names + "0,2,0,0,0,1,1,0,0\n", "phase: found 2"},
		"a line that is all": {head + strings.Repeat("x", 1<<20), "line 3: found more than"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := trace.Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v, want %q", err, c.want)
			}
		})
	}
}

type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = fmt.Errorf("disk gone")
	}
	return n, err
}

// TestReadFails: a read that fails is an error, not an end.
func TestReadFails(t *testing.T) {
	for _, f := range []trace.Format{trace.Binary, trace.CSV} {
		b := encoded(t, made(), f)
		if _, err := trace.Read(broken{bytes.NewReader(b[:len(b)/2])}); err == nil || !strings.Contains(err.Error(), "disk gone") {
			t.Errorf("format %d: found %v", f, err)
		}
	}
}

func TestUnion(t *testing.T) {
	v := trace.Visit{Chosen: []int32{7, 2, 2, 9, 0, 2}}
	experts, counts := v.Union()
	if !cmp.Equal(experts, []int32{0, 2, 7, 9}) || !cmp.Equal(counts, []int32{1, 3, 1, 1}) {
		t.Errorf("found %v, %v", experts, counts)
	}
	if v.Chosen[0] != 7 {
		t.Error("the choices have been sorted")
	}
}
