package offload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"moed/flashio"
	"moed/flashio/flashtest"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/offload"
)

// model is a file of experts that is nobody's model: layer 0 has none, and the
// last layer's experts are larger than the others'.
type model struct {
	table expert.Table
	file  []byte
}

const (
	testLayers  = 6
	testExperts = 10
)

func newModel() *model {
	m := &model{table: expert.Table{Layers: make([]expert.Layer, testLayers)}}
	at := int64(1000) // nothing is aligned
	stack := func(t ggml.Type, rows, cols int) expert.Stack {
		row, _ := t.RowBytes(cols)
		s := expert.Stack{Type: t, Rows: rows, Cols: cols, Offset: at, Size: int64(rows * row)}
		at += s.Size*testExperts + 160
		return s
	}
	for i := 1; i < testLayers; i++ {
		down := ggml.Q4_K
		if i == testLayers-1 {
			down = ggml.Q6_K
		}
		m.table.Layers[i] = expert.Layer{Experts: testExperts,
			Gate: stack(ggml.Q4_K, 256, 256), Up: stack(ggml.Q4_K, 256, 256), Down: stack(down, 256, 256)}
	}
	m.file = flashtest.Contents(int(at))
	return m
}

// slot is the memory of one expert of the ordinary size, and large of the last
// layer's: three matrices of 144 or 210 bytes a row, each with room to be moved.
const (
	slot  = 3 * 10 * 4096
	large = slot + 5*4096
)

// bytesOf are those of one matrix in the file.
func (m *model) bytesOf(s *expert.Stack, e int32) []byte {
	return m.file[s.Offset+int64(e)*s.Size:][:s.Size]
}

// check compares a lease with the file.
func (m *model) check(d *expert.Demand, l *expert.Lease) error {
	e, layer := d.Experts[l.Slot], &m.table.Layers[d.Layer]
	for _, x := range []struct {
		name string
		got  []byte
		s    *expert.Stack
	}{{"gate", l.Gate.Data, &layer.Gate}, {"up", l.Up.Data, &layer.Up}, {"down", l.Down.Data, &layer.Down}} {
		if !bytes.Equal(x.got, m.bytesOf(x.s, e)) {
			return fmt.Errorf("layer %d expert %d: its %s matrix differs from the file's", d.Layer, e, x.name)
		}
	}
	return nil
}

// openStore makes a store over a source; both go with the test, and slots that
// are still pinned in the end fail it.
func openStore(t testing.TB, m *model, src flashio.Source, o offload.Options) (*offload.Store, *flashio.Reader) {
	t.Helper()
	r := flashio.NewReader(src, "model", int64(len(m.file)), flashio.Options{MaxRead: 16 << 10})
	s, err := offload.New(&m.table, r, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, r
}

// serve takes a demand through a stream, batch leases at a time, and compares
// each with the file.
func (m *model) serve(ctx context.Context, st expert.Stream, d *expert.Demand, batch int) error {
	if err := st.Want(ctx, d); err != nil {
		return err
	}
	leases := make([]expert.Lease, batch)
	seen := map[int]bool{}
	for {
		n, err := st.Next(ctx, leases)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		for i := range leases[:n] {
			if err = errors.Join(err, m.check(d, &leases[i])); seen[leases[i].Slot] {
				err = errors.Join(err, fmt.Errorf("slot %d came twice", leases[i].Slot))
			}
			seen[leases[i].Slot] = true
			st.Release(&leases[i])
		}
		if err != nil {
			return err
		}
	}
	if len(seen) != len(d.Experts) {
		return fmt.Errorf("%d of %d experts came", len(seen), len(d.Experts))
	}
	return nil
}

// randomDemand wants some experts of a layer.
func randomDemand(r *rand.Rand, layer int) *expert.Demand {
	d := &expert.Demand{Layer: layer, Tokens: 1}
	for e := range int32(testExperts) {
		if r.IntN(3) == 0 {
			d.Experts, d.Counts = append(d.Experts, e), append(d.Counts, 1)
		}
	}
	if len(d.Experts) == 0 {
		d.Experts, d.Counts = []int32{int32(r.IntN(testExperts))}, []int32{1}
	}
	return d
}

// dice guesses at random, so half of what it names is wrong.
type dice struct{ r *rand.Rand }

func (dice) Observe(*expert.Demand) {}

func (p dice) Guess(dst []expert.Guess, _ *expert.Demand, _ int) []expert.Guess {
	for e := range int32(testExperts) {
		if p.r.IntN(3) == 0 {
			dst = append(dst, expert.Guess{Expert: e, P: 0.9})
		}
	}
	return dst
}

// TestServes: whatever the memory, the batch and the guesses, each demand gets
// each of its experts once, and with the file's bytes.
func TestServes(t *testing.T) {
	m := newModel()
	for _, slots := range []int64{1, 2, 3, 8, 25, testLayers * testExperts} {
		for _, guess := range []bool{false, true} {
			t.Run(fmt.Sprintf("slots=%d/guess=%v", slots, guess), func(t *testing.T) {
				s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: slots*slot + large})
				if guess {
					s.Predict(dice{rand.New(rand.NewPCG(3, 4))})
				}
				r, st := rand.New(rand.NewPCG(1, 2)), s.Stream()
				for range 40 {
					for layer := 1; layer < testLayers; layer++ {
						if err := m.serve(t.Context(), st, randomDemand(r, layer), 1+r.IntN(5)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if got := s.Bytes(); got > slots*slot+large {
					t.Errorf("%d bytes of slots in a memory of %d", got, slots*slot+large)
				}
				checkStats(t, s)
			})
		}
	}
}

// checkStats: what was wanted was held, or on its way, or read for it.
func checkStats(t *testing.T, s *offload.Store) {
	t.Helper()
	x := s.Stats()
	total := x.Total()
	if misses := total.Wanted - total.Hits - total.Late; misses > x.Reads || misses < 0 {
		t.Errorf("%d wanted, %d hits, %d late: more misses than the %d reads", total.Wanted, total.Hits, total.Late, x.Reads)
	}
	if total.Useful+total.Wrong > total.Guessed {
		t.Errorf("%d guesses, but %d useful and %d wrong", total.Guessed, total.Useful, total.Wrong)
	}
}

// TestHits: with room for all, nothing is read twice.
func TestHits(t *testing.T) {
	m := newModel()
	s, r := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 1 << 30})
	st := s.Stream()
	all := &expert.Demand{Layer: 1, Experts: []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, Tokens: 1}
	for range 3 {
		if err := m.serve(t.Context(), st, all, 4); err != nil {
			t.Fatal(err)
		}
	}
	x := s.Stats()
	if want := (offload.LayerStats{Wanted: 30, Hits: 20}); x.Layers[1] != want || x.Reads != 10 {
		t.Errorf("found %+v and %d reads, want %+v and 10", x.Layers[1], x.Reads, want)
	}
	if got := r.Stats().Bytes; got != x.Bytes {
		t.Errorf("the reader counts %d bytes, the store %d", got, x.Bytes)
	}
}

// TestReadError: a read that fails twice fails its demand, by the expert's name,
// and the next demand gets it.
func TestReadError(t *testing.T) {
	m := newModel()
	bad := m.table.Layers[2].Up.Offset + 7*m.table.Layers[2].Up.Size
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.EIO, From: bad, To: bad + 1, Count: 2})
	s, _ := openStore(t, m, src, offload.Options{Bytes: 4*slot + large})
	st := s.Stream()
	d := &expert.Demand{Layer: 2, Experts: []int32{1, 7, 9}, Tokens: 1}
	err := m.serve(t.Context(), st, d, 4)
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "expert 7 of layer 2") {
		t.Errorf("found error %v, want EIO of expert 7 of layer 2", err)
	}
	if err := m.serve(t.Context(), st, d, 4); err != nil {
		t.Errorf("after the error: %v", err)
	}
}

// TestRetriedErrors: errors that go away at the second attempt are not seen.
func TestRetriedErrors(t *testing.T) {
	m := newModel()
	var rules []flashtest.Rule
	for i, f := range []flashtest.Fault{flashtest.EIO, flashtest.EAGAIN, flashtest.Short} {
		s := &m.table.Layers[i+1].Down
		for e := range int64(testExperts) {
			rules = append(rules, flashtest.Rule{Fault: f, From: s.Offset + e*s.Size + 100, To: s.Offset + e*s.Size + 101, Count: 1})
		}
	}
	s, r := openStore(t, m, flashtest.NewSource(flashtest.Memory(m.file), rules...), offload.Options{Bytes: 8*slot + large})
	st, random := s.Stream(), rand.New(rand.NewPCG(1, 2))
	for range 20 {
		for layer := 1; layer < testLayers; layer++ {
			if err := m.serve(t.Context(), st, randomDemand(random, layer), 4); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r.Stats().Retries == 0 {
		t.Error("no read was tried twice: this test tests nothing")
	}
}

// TestCancelled: a demand whose context ends gives up, holds nothing back, and
// the stream serves the next one.
func TestCancelled(t *testing.T) {
	m := newModel()
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.Held})
	s, _ := openStore(t, m, src, offload.Options{Bytes: 2*slot + large})
	st := s.Stream()
	ctx, cancel := context.WithCancel(t.Context())
	d := &expert.Demand{Layer: 1, Experts: []int32{0, 1, 2, 3, 4}, Tokens: 1}
	if err := st.Want(ctx, d); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := st.Next(ctx, make([]expert.Lease, 4)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("found %d leases and error %v, want none and %v", n, err, context.Canceled)
	}
	src.Release()
	if err := m.serve(t.Context(), st, d, 2); err != nil {
		t.Error(err)
	}
}

// TestOneRead: an expert that two streams want at once is read once.
func TestOneRead(t *testing.T) {
	m := newModel()
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.Held})
	s, _ := openStore(t, m, src, offload.Options{Bytes: 8*slot + large})
	d := &expert.Demand{Layer: 3, Experts: []int32{2, 5}, Tokens: 1}
	streams := []expert.Stream{s.Stream(), s.Stream()}
	for _, st := range streams {
		if err := st.Want(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	src.Release()
	for _, st := range streams {
		leases := make([]expert.Lease, 2)
		for got := 0; got < 2; {
			n, err := st.Next(t.Context(), leases[got:])
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
		for i := range leases {
			if err := m.check(d, &leases[i]); err != nil {
				t.Error(err)
			}
		}
		defer func() {
			for i := range leases {
				st.Release(&leases[i])
			}
		}()
	}
	if x := s.Stats(); x.Reads != 2 || x.Layers[3].Late != 2 {
		t.Errorf("%d reads and %d late, want 2 and 2", x.Reads, x.Layers[3].Late)
	}
}

// TestResize: shrinking keeps within the new size as soon as loans allow, and
// growing makes room again.
func TestResize(t *testing.T) {
	m := newModel()
	s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 1 << 30})
	st := s.Stream()
	d := &expert.Demand{Layer: 1, Experts: []int32{0, 1, 2, 3}, Tokens: 1}
	if err := st.Want(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	leases := make([]expert.Lease, 4)
	for got := 0; got < 4; {
		n, err := st.Next(t.Context(), leases[got:])
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if err := s.Resize(2*slot + large); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Bytes(), int64(4*slot+large); got > want {
		t.Errorf("with four on loan %d bytes are held, want at most %d", got, want)
	}
	for i := range leases {
		if err := m.check(d, &leases[i]); err != nil {
			t.Error(err)
		}
		st.Release(&leases[i])
	}
	if got, want := s.Bytes(), int64(2*slot+large); got > want {
		t.Errorf("after the loans %d bytes are held, want at most %d", got, want)
	}
	if err := s.Resize(slot); err == nil {
		t.Error("a memory too small for one expert of each size was accepted")
	}
	if err := s.Resize(1 << 30); err != nil {
		t.Fatal(err)
	}
	all := int64(4*testExperts*slot + testExperts*large)
	if got := s.Bytes(); got != all {
		t.Errorf("grown to %d bytes, want %d", got, all)
	}
	if err := m.serve(t.Context(), st, d, 2); err != nil {
		t.Error(err)
	}
}

// TestSteadyState: serving allocates nothing once everything has been made.
func TestSteadyState(t *testing.T) {
	m := newModel()
	s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 6*slot + large})
	st := s.Stream()
	demands := []*expert.Demand{}
	for i := 1; i < testLayers; i++ {
		demands = append(demands, &expert.Demand{Layer: i, Experts: []int32{1, 4, 8}, Counts: []int32{1, 1, 1}, Tokens: 1})
	}
	leases := make([]expert.Lease, 4)
	ctx := context.Background()
	token := func() {
		for _, d := range demands {
			if err := st.Want(ctx, d); err != nil {
				t.Fatal(err)
			}
			for {
				n, err := st.Next(ctx, leases)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
				for i := range leases[:n] {
					st.Release(&leases[i])
				}
			}
		}
	}
	for range 20 {
		token()
	}
	if n := testing.AllocsPerRun(50, token); n > 1 && !invariants {
		t.Errorf("%.1f allocations a token, want none", n)
	}
}

// TestLayerWithout: a demand that the store cannot serve is an error.
func TestLayerWithout(t *testing.T) {
	m := newModel()
	s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 1 << 30})
	for _, layer := range []int{0, testLayers} {
		if err := s.Stream().Want(t.Context(), &expert.Demand{Layer: layer, Experts: []int32{1}}); err == nil {
			t.Errorf("a demand of layer %d was accepted", layer)
		}
	}
	if _, err := offload.New(&expert.Table{Layers: make([]expert.Layer, 3)}, nil, offload.Options{Bytes: 1 << 30}); err == nil {
		t.Error("a model without experts was accepted")
	}
}

// TestForetell: what others foretell is read before it is wanted, and nonsense is
// not.
func TestForetell(t *testing.T) {
	m := newModel()
	s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: offload.Least(&m.table) * 4})
	st := s.Stream()
	if err := m.serve(t.Context(), st, &expert.Demand{Layer: 1, Experts: []int32{0, 1}, Counts: []int32{1, 1}, Tokens: 1}, 4); err != nil {
		t.Fatal(err)
	}
	likely := []expert.Guess{{Expert: 3, P: 0.99}, {Expert: 5, P: 0.99}, {Expert: 99, P: 1}, {Expert: -1, P: 1}, {Expert: 2, P: 7}}
	for _, bad := range [][3]int{{-1, 1, 1}, {0, 1, 1}, {1, 1, 1}, {2, 1, 1}, {1, 2, 0}, {1, testLayers, 1}, {1, 1 << 30, 1}} {
		s.Foretell(bad[0], bad[1], bad[2], likely)
	}
	if n := s.Stats().Layers[2].Guessed; n != 0 {
		t.Fatalf("nonsense had %d experts read", n)
	}
	s.Foretell(1, 2, 1, likely)
	if n := s.Stats().Layers[2].Guessed; n != 2 {
		t.Fatalf("%d experts are read, want 2", n)
	}
	if err := m.serve(t.Context(), st, &expert.Demand{Layer: 2, Experts: []int32{3, 5}, Counts: []int32{1, 1}, Tokens: 1}, 4); err != nil {
		t.Fatal(err)
	}
	if x := s.Stats().Layers[2]; x.Useful != 2 {
		t.Errorf("%+v", x)
	}
}
