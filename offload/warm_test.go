package offload_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"moed/flashio/flashtest"
	"moed/moe/expert"
	"moed/offload"
)

// allKeys are all experts of a model but for those of the last layer, which are
// larger, in the order in which nobody would read them by chance.
func allKeys() []offload.Key {
	var keys []offload.Key
	for e := testExperts - 1; e >= 0; e-- {
		for layer := 1; layer < testLayers-1; layer++ {
			keys = append(keys, offload.Key{Layer: layer, Expert: (e + layer) % testExperts})
		}
	}
	return keys
}

// demandOf wants some experts of one layer.
func demandOf(layer int, experts ...int32) *expert.Demand {
	return &expert.Demand{Layer: layer, Experts: experts, Tokens: 1}
}

// TestWarm: what is read is the front of the order, as far as there is room, and
// it is as if it had been wanted before.
func TestWarm(t *testing.T) {
	m, keys := newModel(), allKeys()
	for _, slots := range []int{1, 7, 25, len(keys)} {
		// The last layer's class takes a share of the memory, too.
		s, r := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: int64(slots)*(slot*5/4+large/4) + large})
		last := 0
		n, err := s.Warm(t.Context(), keys, func(read int) {
			if read < last {
				t.Errorf("progress fell from %d to %d", last, read)
			}
			last = read
		})
		if err != nil || n < min(slots, len(keys)) || n > slots*5/4+2 || last != n {
			t.Fatalf("%d slots: %d read, %d by progress, error %v", slots, n, last, err)
		}
		x := s.Stats()
		if x.Warmed != int64(n) || x.Reads != int64(n) || x.WarmedBytes != r.Stats().Bytes || x.Ahead != x.WarmedBytes {
			t.Errorf("%d slots: %d read, but the counts are %+v", slots, n, x)
		}
		st := s.Stream()
		for _, k := range keys[:n] {
			if err := m.serve(t.Context(), st, demandOf(k.Layer, int32(k.Expert)), 1); err != nil {
				t.Fatal(err)
			}
		}
		x = s.Stats()
		if total := x.Total(); total.Hits != int64(n) || x.Reads != int64(n) {
			t.Errorf("%d slots: of %d that were read, %d were at hand; %d reads", slots, n, total.Hits, x.Reads)
		}
	}
}

// TestWarmEvictsNothing: what is held stays, whatever the order says.
func TestWarmEvictsNothing(t *testing.T) {
	m := newModel()
	s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 12*slot + 2*large})
	st := s.Stream()
	for _, d := range []*expert.Demand{demandOf(1, 0, 1, 2), demandOf(2, 3, 4, 5)} {
		if err := m.serve(t.Context(), st, d, 3); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Stats()
	n, err := s.Warm(t.Context(), allKeys(), nil)
	if err != nil || n == 0 {
		t.Fatalf("%d read, error %v", n, err)
	}
	for _, d := range []*expert.Demand{demandOf(1, 0, 1, 2), demandOf(2, 3, 4, 5)} {
		if err := m.serve(t.Context(), st, d, 3); err != nil {
			t.Fatal(err)
		}
	}
	after := s.Stats()
	if d := after.Sub(&before); d.Total().Hits != 6 || d.Reads != int64(n) || d.Warmed != int64(n) {
		t.Errorf("%d read: %+v in all", n, d)
	}
	if n, err := s.Warm(t.Context(), allKeys(), nil); n != 0 || err != nil {
		t.Errorf("with no slot free %d more are read, error %v", n, err)
	}
}

// TestWarmYields: when a demand misses, the reads that have not begun are taken
// back, and done later.
func TestWarmYields(t *testing.T) {
	m := newModel()
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.Held})
	s, r := openStore(t, m, src, offload.Options{Bytes: 1 << 30})
	keys := allKeys()[:20]
	warm := inBackground(t.Context(), s, keys)
	src.AwaitHeld(r.Info().InFlight) // with pieces of the first expert
	st, d := s.Stream(), demandOf(testLayers-1, 4)
	if err := st.Want(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Stats().Canceled, int64(r.Info().InFlight-1); got != want {
		t.Errorf("%d reads are taken back, want %d", got, want)
	}
	src.Release()
	if err := m.serve(t.Context(), st, d, 1); err != nil {
		t.Fatal(err)
	}
	if got := <-warm; got.err != nil || got.n != len(keys) {
		t.Errorf("%d of %d read, error %v", got.n, len(keys), got.err)
	}
}

type warmed struct {
	n   int
	err error
}

func inBackground(ctx context.Context, s *offload.Store, keys []offload.Key) <-chan warmed {
	result := make(chan warmed, 1)
	go func() {
		n, err := s.Warm(ctx, keys, nil)
		result <- warmed{n, err}
	}()
	return result
}

// TestWarmIsJoined: a demand for what is on its way waits for that read, and
// there is no other.
func TestWarmIsJoined(t *testing.T) {
	m := newModel()
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.Held})
	s, r := openStore(t, m, src, offload.Options{Bytes: 1 << 30})
	warm := inBackground(t.Context(), s, []offload.Key{{Layer: 3, Expert: 7}})
	src.AwaitHeld(r.Info().InFlight)
	st, d := s.Stream(), demandOf(3, 7)
	if err := st.Want(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	src.Release()
	if err := m.serve(t.Context(), st, d, 1); err != nil {
		t.Fatal(err)
	}
	if got := <-warm; got.n != 1 || got.err != nil {
		t.Errorf("%d read, error %v", got.n, got.err)
	}
	if x := s.Stats(); x.Reads != 1 || x.Warmed != 1 || x.Ahead != 0 || x.Layers[3].Late == 0 {
		t.Errorf("counts %+v", x)
	}
}

// TestWarmCancelled: what has begun is waited for, and the rest is not read.
func TestWarmCancelled(t *testing.T) {
	m := newModel()
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.Held})
	s, r := openStore(t, m, src, offload.Options{Bytes: 1 << 30})
	ctx, cancel := context.WithCancel(t.Context())
	warm := inBackground(ctx, s, allKeys())
	src.AwaitHeld(r.Info().InFlight)
	cancel()
	for r.Stats().Canceled < int64(r.Info().InFlight-1) { // the rest is taken back
		select {
		case got := <-warm:
			t.Fatalf("it returned %+v while a read was under way", got)
		default:
		}
	}
	src.Release()
	if got := <-warm; got.n != 1 || !errors.Is(got.err, context.Canceled) {
		t.Errorf("%d read, error %v; want the 1 that had begun and %v", got.n, got.err, context.Canceled)
	}
	if n, err := s.Warm(t.Context(), allKeys(), nil); n != len(allKeys())-1 || err != nil {
		t.Errorf("%d read the next time, error %v", n, err)
	}
}

// TestWarmError: a read that fails ends the warming, and nothing else.
func TestWarmError(t *testing.T) {
	m := newModel()
	bad := m.table.Layers[2].Up.Offset + 7*m.table.Layers[2].Up.Size
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.EIO, From: bad, To: bad + 1, Count: 2})
	s, _ := openStore(t, m, src, offload.Options{Bytes: 1 << 30})
	_, err := s.Warm(t.Context(), []offload.Key{{Layer: 1, Expert: 1}, {Layer: 2, Expert: 7}}, nil)
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "expert 7 of layer 2") {
		t.Errorf("found error %v, want EIO of expert 7 of layer 2", err)
	}
	if err := m.serve(t.Context(), s.Stream(), demandOf(2, 7), 1); err != nil {
		t.Errorf("after the error: %v", err)
	}
	if x := s.Stats(); x.Warmed != 1 || x.Failed != 1 {
		t.Errorf("counts %+v", x)
	}
}

func TestWarmRefuses(t *testing.T) {
	m := newModel()
	src := flashtest.NewSource(flashtest.Memory(m.file), flashtest.Rule{Fault: flashtest.Held})
	s, r := openStore(t, m, src, offload.Options{Bytes: 1 << 30})
	for _, k := range []offload.Key{{Layer: 0, Expert: 0}, {Layer: -1, Expert: 0}, {Layer: testLayers, Expert: 0}, {Layer: 1, Expert: testExperts}, {Layer: 1, Expert: -1}} {
		if _, err := s.Warm(t.Context(), []offload.Key{k}, nil); err == nil {
			t.Errorf("%+v: no error", k)
		}
	}
	warm := inBackground(t.Context(), s, allKeys())
	src.AwaitHeld(r.Info().InFlight)
	if _, err := s.Warm(t.Context(), allKeys(), nil); err == nil {
		t.Error("two at a time: no error")
	}
	src.Release()
	if got := <-warm; got.err != nil {
		t.Error(got.err)
	}
}

// TestWarmClose: a store that is closed ends its warming at any moment.
func TestWarmClose(t *testing.T) {
	m := newModel()
	for range 60 {
		s, r := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 1 << 30})
		begun := make(chan struct{})
		once := sync.OnceFunc(func() { close(begun) })
		result := make(chan warmed, 1)
		go func() {
			n, err := s.Warm(t.Context(), allKeys(), func(int) { once() })
			result <- warmed{n, err}
		}()
		<-begun
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-result; got.err != nil && !errors.Is(got.err, offload.ErrClosed) || got.err == nil && got.n != len(allKeys()) {
			t.Fatalf("%d read, error %v", got.n, got.err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWarmBeside: demands of two streams, guesses and changes of size while the
// store is warmed; every expert that comes has the file's bytes.
func TestWarmBeside(t *testing.T) {
	m := newModel()
	s, _ := openStore(t, m, flashtest.Memory(m.file), offload.Options{Bytes: 20*slot + 2*large})
	s.Predict(dice{rand.New(rand.NewPCG(3, 4))})
	var all sync.WaitGroup
	for seed := range uint64(2) {
		all.Go(func() {
			r, st := rand.New(rand.NewPCG(seed, 2)), s.Stream()
			for range 60 {
				for layer := 1; layer < testLayers; layer++ {
					if err := m.serve(t.Context(), st, randomDemand(r, layer), 1+r.IntN(4)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		bytes := (6+r.Int64N(40))*slot + 2*large
		if err := s.Resize(bytes); err != nil {
			t.Error(err)
		}
		if _, err := s.Warm(t.Context(), allKeys(), nil); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	checkStats(t, s)
}
