package flashio_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"moed/flashio"
	"moed/flashio/flashtest"
)

const block = flashio.Alignment

// faulty is a reader of memory with rules before it.
func faulty(t *testing.T, contents []byte, o flashio.Options, rules ...flashtest.Rule) (*flashio.Reader, *flashtest.Source) {
	t.Helper()
	src := flashtest.NewSource(flashtest.Memory(contents), rules...)
	r := flashio.NewReader(src, "memory", int64(len(contents)), o)
	t.Cleanup(func() {
		src.Release()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, src
}

// TestFaults: one failure is overcome and leaves the right bytes, two are an
// error that names file and range.
func TestFaults(t *testing.T) {
	contents := flashtest.Contents(64 * block)
	for _, c := range []struct {
		name    string
		rules   []flashtest.Rule
		want    error
		retries int64
	}{
		{"none", nil, nil, 0},
		{"EIO once", []flashtest.Rule{{Fault: flashtest.EIO, Count: 1}}, nil, 1},
		{"EAGAIN once", []flashtest.Rule{{Fault: flashtest.EAGAIN, Count: 1}}, nil, 1},
		{"short once", []flashtest.Rule{{Fault: flashtest.Short, Count: 1}}, nil, 1},
		{"nothing once", []flashtest.Rule{{Fault: flashtest.Nothing, Count: 1}}, nil, 1},
		{"the third read", []flashtest.Rule{{Fault: flashtest.EIO, After: 2, Count: 1}}, nil, 1},
		{"EIO twice", []flashtest.Rule{{Fault: flashtest.EIO, Count: 2}}, syscall.EIO, 1},
		{"EIO for good", []flashtest.Rule{{Fault: flashtest.EIO}}, syscall.EIO, 1},
		{"EIO elsewhere", []flashtest.Rule{{Fault: flashtest.EIO, From: 40 * block, To: 41 * block}}, nil, 0},
		{"EAGAIN then EIO", []flashtest.Rule{{Fault: flashtest.EAGAIN, Count: 1}, {Fault: flashtest.EIO, After: 1, Count: 1}}, syscall.EIO, 1},
		{"nothing twice", []flashtest.Rule{{Fault: flashtest.Nothing, Count: 2}}, io.ErrUnexpectedEOF, 1},
		{"short and shorter, but it goes on", []flashtest.Rule{{Fault: flashtest.Short, Count: 3}}, nil, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := faulty(t, contents, flashio.Options{InFlight: 1, MaxRead: 16 * block}, c.rules...)
			a := flashtest.Arena(t, 48*block)
			q := &flashio.Request{Parts: []flashio.Part{{Offset: 0, Into: a.Buffer(0, 36*block), Need: 36 * block}}}
			err := flashtest.Read(r, q)
			if !errors.Is(err, c.want) {
				t.Fatalf("found %v, want %v", err, c.want)
			}
			var re *flashio.ReadError
			switch {
			case c.want == nil && !bytes.Equal(a.Bytes(0, 36*block), contents[:36*block]):
				t.Error("wrong bytes")
			case c.want != nil && (!errors.As(err, &re) || re.Name != "memory" || re.Offset != 0 || re.Length != 12*block):
				t.Errorf("found %v, want it to name memory and the first third", err)
			}
			if s := r.Stats(); s.Retries != c.retries {
				t.Errorf("%d retries, want %d", s.Retries, c.retries)
			}
		})
	}
}

// TestFaultInMerged: a bad spot in a read that serves several requests fails
// none but the one that wants it.
func TestFaultInMerged(t *testing.T) {
	contents := flashtest.Contents(8 * block)
	r, src := faulty(t, contents, flashio.Options{InFlight: 1},
		flashtest.Rule{Fault: flashtest.Held, From: 7 * block},
		flashtest.Rule{Fault: flashtest.EIO, From: 2 * block, To: 3 * block})
	a := flashtest.Arena(t, 8*block)
	var wait sync.WaitGroup
	errs := make([]error, 6)
	submit := func(i int, off int64) {
		wait.Add(1)
		r.Submit(&flashio.Request{
			Parts: []flashio.Part{{Offset: off * block, Into: a.Buffer(int64(i)*block, block), Need: block}},
			Done:  func(_ *flashio.Request, err error) { errs[i] = err; wait.Done() },
		})
	}
	submit(5, 7) // keeps the one worker busy
	src.AwaitHeld(1)
	for i := range 5 {
		submit(i, int64(i))
	}
	src.Release()
	wait.Wait()
	for i, err := range errs {
		if want := error(nil); i != 2 && (err != want || !bytes.Equal(a.Bytes(int64(i)*block, block), contents[max(int64(i), int64(i/5*7))*block:][:block])) {
			t.Errorf("request %d: %v, or wrong bytes", i, err)
		}
	}
	if !errors.Is(errs[2], syscall.EIO) {
		t.Errorf("request 2: %v, want EIO", errs[2])
	}
	if s := r.Stats(); s.Reads != 2 || s.Merged != 4 || s.Failed != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// TestFailedRequestStops: what has not been started of a request that failed is
// not read.
func TestFailedRequestStops(t *testing.T) {
	contents := flashtest.Contents(64 * block)
	r, src := faulty(t, contents, flashio.Options{InFlight: 1, MaxRead: 4 * block}, flashtest.Rule{Fault: flashtest.EIO})
	a := flashtest.Arena(t, 64*block)
	q := &flashio.Request{Parts: []flashio.Part{{Into: a.Buffer(0, 64*block), Need: 64 * block}}}
	if err := flashtest.Read(r, q); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if n := src.Reads(); n != 2 {
		t.Errorf("%d reads, want one and one more attempt", n)
	}
}

// TestTorn: wrong bytes are not a Reader's to notice, and the fault does make
// them wrong, so that the tests above can rely on it.
func TestTorn(t *testing.T) {
	contents := flashtest.Contents(2 * block)
	r, _ := faulty(t, contents, flashio.Options{}, flashtest.Rule{Fault: flashtest.Torn, Count: 1})
	a := flashtest.Arena(t, 2*block)
	q := &flashio.Request{Parts: []flashio.Part{{Into: a.Buffer(0, 2*block), Need: 2 * block}}}
	for _, equal := range []bool{false, true} {
		if err := flashtest.Read(r, q); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(a.Bytes(0, 2*block), contents) != equal {
			t.Errorf("equal is %v, want %v", !equal, equal)
		}
		if !bytes.Equal(a.Bytes(0, block), contents[:block]) {
			t.Error("the first half is wrong too")
		}
	}
}

// TestPriorities: demands go before prefetches, each in the order of their
// coming, what was raised behind the demands, and what was canceled not at all.
func TestPriorities(t *testing.T) {
	contents := flashtest.Contents(64 * block)
	r, src := faulty(t, contents, flashio.Options{InFlight: 1}, flashtest.Rule{Fault: flashtest.Held, To: block})
	a := flashtest.Arena(t, 64*block)
	var mu sync.Mutex
	var order []int
	var wait sync.WaitGroup
	requests := make([]*flashio.Request, 10)
	submit := func(i int, p flashio.Priority) {
		wait.Add(1)
		requests[i] = &flashio.Request{
			Priority: p,
			Parts:    []flashio.Part{{Offset: int64(i) * 2 * block, Into: a.Buffer(int64(i)*block, block), Need: block}}, // gaps: nothing merges
			Done: func(_ *flashio.Request, err error) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
				wait.Done()
			},
		}
		r.Submit(requests[i])
	}
	submit(0, flashio.Demand)
	src.AwaitHeld(1)
	for i, p := range []flashio.Priority{flashio.Prefetch, flashio.Demand, flashio.Prefetch, flashio.Prefetch, flashio.Demand, flashio.Prefetch, flashio.Demand, flashio.Demand, flashio.Prefetch} {
		submit(i+1, p)
	}
	r.Raise(requests[4])
	r.Raise(requests[4]) // is a demand already
	r.Raise(requests[2])
	r.Raise(requests[0]) // is being read
	for i, want := range map[int]bool{0: false, 6: true, 8: true} {
		if got := r.Cancel(requests[i]); got != want {
			t.Errorf("cancel %d: %v, want %v", i, got, want)
		} else if got {
			wait.Done()
		}
	}
	if r.Cancel(requests[6]) {
		t.Error("canceled twice")
	}
	src.Release()
	wait.Wait()
	if want := []int{0, 2, 5, 7, 4, 1, 3, 9}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if r.Cancel(requests[0]) {
		t.Error("canceled what was done")
	}
	if s := r.Stats(); s.Raised != 1 || s.Canceled != 2 || s.Requests != 8 {
		t.Errorf("stats: %+v", s)
	}
}

// TestCancelBegun: a request of which a part is being read cannot be canceled,
// but can be raised.
func TestCancelBegun(t *testing.T) {
	contents := flashtest.Contents(8 * block)
	r, src := faulty(t, contents, flashio.Options{InFlight: 1}, flashtest.Rule{Fault: flashtest.Held, To: block})
	a := flashtest.Arena(t, 8*block)
	done := make(chan error, 1)
	q := &flashio.Request{
		Priority: flashio.Prefetch,
		Parts:    []flashio.Part{{Offset: 0, Into: a.Buffer(0, block), Need: block}, {Offset: 4 * block, Into: a.Buffer(block, block), Need: block}},
		Done:     func(_ *flashio.Request, err error) { done <- err },
	}
	r.Submit(q)
	src.AwaitHeld(1)
	if r.Cancel(q) {
		t.Error("canceled while a part was being read")
	}
	r.Raise(q)
	src.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := r.Stats(); s.Raised != 1 {
		t.Errorf("raised %d times, want once", s.Raised)
	}
	if q.Queued < 0 || q.Reading <= 0 || q.Bytes != 2*block {
		t.Errorf("request: queued %v, reading %v, %d bytes", q.Queued, q.Reading, q.Bytes)
	}
}

// TestCloseHeld: Close waits for the read that is under way and fails those
// that are not.
func TestCloseHeld(t *testing.T) {
	contents := flashtest.Contents(8 * block)
	r, src := faulty(t, contents, flashio.Options{InFlight: 1}, flashtest.Rule{Fault: flashtest.Held})
	a := flashtest.Arena(t, 8*block)
	errs := make(chan error, 2)
	for i := range int64(2) {
		r.Submit(&flashio.Request{
			Parts: []flashio.Part{{Offset: 4 * i * block, Into: a.Buffer(i*block, block), Need: block}},
			Done:  func(_ *flashio.Request, err error) { errs <- err },
		})
		src.AwaitHeld(1)
	}
	closed := make(chan error)
	go func() { closed <- r.Close() }() // ends below
	src.Release()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil {
		t.Errorf("the read that was under way: %v", err)
	}
	if err := <-errs; err != nil && !errors.Is(err, flashio.ErrClosed) {
		t.Errorf("the queued one: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestStorm submits, raises and cancels from many goroutines over a source that
// fails now and then: every request ends once, with the right bytes or an error.
func TestStorm(t *testing.T) {
	contents := flashtest.Contents(256 * block)
	r, src := faulty(t, contents, flashio.Options{InFlight: 4, MaxRead: 8 * block})
	var rules []flashtest.Rule
	for i := range 400 {
		rules = append(rules, flashtest.Rule{Fault: flashtest.Fault(1 + i%4), After: 7 * i, Count: 1 + i%2})
	}
	src.SetRules(rules...)
	const clients, rounds, slot = 8, 150, 16
	a := flashtest.Arena(t, clients*slot*block)
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(client), 3))
			at := int64(client) * slot * block
			done := make(chan error, 1)
			q := &flashio.Request{Done: func(_ *flashio.Request, err error) { done <- err }}
			for range rounds {
				off, n := rng.Int64N(240), 1+rng.Int64N(slot)
				q.Priority = flashio.Priority(rng.IntN(2))
				q.Parts = append(q.Parts[:0], flashio.Part{Offset: off * block, Into: a.Buffer(at, n*block), Need: n * block})
				r.Submit(q)
				switch rng.IntN(4) {
				case 0:
					r.Raise(q)
				case 1:
					if r.Cancel(q) {
						continue
					}
				}
				if err := <-done; err == nil && !bytes.Equal(a.Bytes(at, n*block), contents[off*block:(off+n)*block]) {
					t.Errorf("wrong bytes at %d", off*block)
				}
			}
		})
	}
	wait.Wait()
	s := r.Stats()
	if s.Requests+s.Canceled != clients*rounds {
		t.Errorf("%d ended and %d were canceled of %d", s.Requests, s.Canceled, clients*rounds)
	}
	if s.Failed == 0 || s.Retries == 0 || s.Failed == s.Requests {
		t.Errorf("%d of %d failed, %d retries: the faults were not felt", s.Failed, s.Requests, s.Retries)
	}
}

// TestMisuse: what cannot be read is the caller's mistake and panics at once.
func TestMisuse(t *testing.T) {
	r, src := faulty(t, flashtest.Contents(8*block), flashio.Options{}, flashtest.Rule{Fault: flashtest.Held})
	a := flashtest.Arena(t, 8*block)
	ended := make(chan bool, 1)
	done := func(*flashio.Request, error) { ended <- true }
	part := flashio.Part{Into: a.Buffer(0, block), Need: block}
	twice := &flashio.Request{Parts: []flashio.Part{part}, Done: done}
	r.Submit(twice)
	src.AwaitHeld(1)
	for name, f := range map[string]func(){
		"no parts":          func() { r.Submit(&flashio.Request{Done: done}) },
		"no function":       func() { r.Submit(&flashio.Request{Parts: []flashio.Part{part}}) },
		"priority":          func() { r.Submit(&flashio.Request{Parts: []flashio.Part{part}, Done: done, Priority: 9}) },
		"offset":            func() { p := part; p.Offset = 512; r.Submit(&flashio.Request{Parts: []flashio.Part{p}, Done: done}) },
		"negative offset":   func() { p := part; p.Offset = -block; r.Submit(&flashio.Request{Parts: []flashio.Part{p}, Done: done}) },
		"need":              func() { p := part; p.Need++; r.Submit(&flashio.Request{Parts: []flashio.Part{p}, Done: done}) },
		"nothing needed":    func() { p := part; p.Need = 0; r.Submit(&flashio.Request{Parts: []flashio.Part{p}, Done: done}) },
		"under way":         func() { r.Submit(twice) },
		"misaligned buffer": func() { a.Buffer(1, block) },
		"ragged buffer":     func() { a.Buffer(0, block+1) },
		"outside":           func() { a.Buffer(a.Size(), block) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	src.Release()
	<-ended // before the arena goes
}
