package offload_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"moed/flashio/flashtest"
	"moed/moe/expert"
	"moed/offload"
)

// TestRandomOperations runs 10 000 operations of several streams at once on a
// store that is always too small, over a device that is slow here and fails
// there, while its size changes. Whatever the order, each lease has the right
// bytes, every stream gets on, and nothing is held in the end.
func TestRandomOperations(t *testing.T) {
	const streams = 4
	operations := 10_000
	if testing.Short() {
		operations = 2_000
	}
	m := newModel()
	var rules []flashtest.Rule
	for layer := 1; layer < testLayers; layer++ {
		for e := range int64(testExperts) {
			s := &m.table.Layers[layer].Up
			middle := s.Offset + e*s.Size + s.Size/2 // no other expert's window touches it
			r := flashtest.Rule{From: middle, To: middle + 1}
			switch e % 5 {
			case 0:
				r.Fault, r.Delay = flashtest.Slow, 50*time.Microsecond
			case 1:
				r.Fault, r.Count = flashtest.EIO, 41 // twenty failures and one that is overcome
			case 2:
				r.Fault, r.Count = flashtest.Short, 20
			default:
				continue
			}
			rules = append(rules, r)
		}
	}
	s, _ := openStore(t, m, flashtest.NewSource(flashtest.Memory(m.file), rules...), offload.Options{Bytes: slot + large})
	s.Predict(dice{rand.New(rand.NewPCG(5, 6))})

	var done, failures, cancels atomic.Int64
	var working sync.WaitGroup
	errs := make(chan error, streams)
	for k := range uint64(streams) {
		working.Add(1)
		go func() { // ends after its share of the operations, or at the first error
			defer working.Done()
			w := walker{m: m, r: rand.New(rand.NewPCG(7, k)), st: s.Stream(), failures: &failures, cancels: &cancels}
			for range operations / streams {
				if err := w.operation(t.Context()); err != nil {
					errs <- fmt.Errorf("stream %d: %w", k, err)
					return
				}
				done.Add(1)
			}
			w.leave(t.Context())
		}()
	}
	ended := make(chan struct{})
	resizing := make(chan struct{})
	go func() { // ends when ended is closed
		defer close(resizing)
		r := rand.New(rand.NewPCG(8, 9))
		for {
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Microsecond):
			}
			if err := s.Resize(slot + large + r.Int64N(12)*slot); err != nil {
				t.Error(err)
			}
		}
	}()
	working.Wait()
	close(ended)
	<-resizing
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if failures.Load() == 0 || cancels.Load() == 0 {
		t.Errorf("%d reads failed and %d demands were cancelled: this test tests less than it says", failures.Load(), cancels.Load())
	}
	// All is released, so a store of one slot of each size is at once as small.
	if err := s.Resize(slot + large); err != nil {
		t.Fatal(err)
	}
	if err := m.serve(t.Context(), s.Stream(), &expert.Demand{Layer: 1, Experts: []int32{3, 4}, Tokens: 1}, 1); err != nil {
		t.Error(err)
	}
	t.Logf("%d operations, %d failures, %d cancelled: %+v", done.Load(), failures.Load(), cancels.Load(), s.Stats())
}

// walker is one stream's user.
type walker struct {
	m                 *model
	r                 *rand.Rand
	st                expert.Stream
	failures, cancels *atomic.Int64
}

// leave gives up what the last operation left half served.
func (w *walker) leave(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_ = w.st.Want(ctx, &expert.Demand{}) // fails with ctx
}

// operation serves a demand, or leaves one half served, or is cancelled.
func (w *walker) operation(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	d := randomDemand(w.r, 1+w.r.IntN(testLayers-1))
	if err := w.st.Want(ctx, d); err != nil {
		return err
	}
	leases := make([]expert.Lease, 1+w.r.IntN(3))
	for got := 0; got < len(d.Experts); {
		switch w.r.IntN(20) {
		case 0:
			cancel()
		case 1:
			return nil // the rest is abandoned by the next Want
		}
		n, err := w.st.Next(ctx, leases)
		switch {
		case errors.Is(err, context.Canceled):
			w.cancels.Add(1)
			return nil
		case errors.Is(err, syscall.EIO), errors.Is(err, io.ErrUnexpectedEOF):
			w.failures.Add(1)
			return nil
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("%d of %d experts came", got, len(d.Experts))
		}
		got += n
		w.r.Shuffle(n, func(i, j int) { leases[i], leases[j] = leases[j], leases[i] })
		for i := range leases[:n] {
			if err := w.m.check(d, &leases[i]); err != nil {
				return err
			}
			w.st.Release(&leases[i])
		}
	}
	return nil
}
