package flashio_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"moed/flashio"
	"moed/flashio/flashtest"
)

// backends are those that this system has for a file in dir.
func backends(t *testing.T, dir string) (list []flashio.Backend) {
	t.Helper()
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, b := range flashio.Backends() {
		src, _, err := flashio.OpenSource(f.Name(), b)
		if err != nil {
			t.Logf("%v: %v", b, err)
			continue
		}
		src.Close()
		list = append(list, b)
	}
	return list
}

// TestBackends runs one suite on every backend.
func TestBackends(t *testing.T) {
	suite := []struct {
		name string
		run  func(*testing.T, flashio.Backend)
	}{
		{"contents", testContents},
		{"end of file", testEnd},
		{"random", testRandom},
		{"truncated", testTruncated},
		{"close while busy", testCloseBusy},
		{"again from done", testResubmit},
		{"nothing allocated", testAllocations},
	}
	for _, b := range backends(t, t.TempDir()) {
		t.Run(b.String(), func(t *testing.T) {
			for _, s := range suite {
				t.Run(s.name, func(t *testing.T) { s.run(t, b) })
			}
		})
	}
}

func open(t testing.TB, path string, o flashio.Options) *flashio.Reader {
	t.Helper()
	r, err := flashio.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// testContents reads one request of several parts, some of them neighbours,
// some longer than a read may be, and compares every byte, also those around
// the buffers.
func testContents(t *testing.T, b flashio.Backend) {
	path, contents := flashtest.File(t, 1<<20)
	r := open(t, path, flashio.Options{Backend: b, InFlight: 3, MaxRead: 64 << 10})
	a := flashtest.Arena(t, 2<<20)
	const k = 1 << 10
	layout := []struct{ off, n, at int64 }{
		{0, 4 * k, 0}, {4 * k, 8 * k, 64 * k}, {12 * k, 4 * k, 32 * k}, // neighbours
		{512 * k, 300 * k, 128 * k}, // split
		{100 * k, 20 * k, 512 * k},
	}
	q := &flashio.Request{}
	for _, l := range layout {
		q.Parts = append(q.Parts, flashio.Part{Offset: l.off, Into: a.Buffer(l.at, l.n), Need: l.n})
	}
	want := make([]byte, a.Size())
	var sum int64
	for _, l := range layout {
		copy(want[l.at:], contents[l.off:l.off+l.n])
		sum += l.n
	}
	if err := flashtest.Read(r, q); err != nil {
		t.Fatal(err)
	}
	if got := a.Bytes(0, a.Size()); !bytes.Equal(got, want) {
		t.Error("the arena holds something else than the file's bytes in their places")
	}
	if q.Bytes != sum {
		t.Errorf("request counts %d bytes, want %d", q.Bytes, sum)
	}
	s := r.Stats()
	if s.Bytes != sum || s.Requests != 1 || s.Failed != 0 || s.Retries != 0 || s.Read.Count != s.Reads || s.Queue.Count != 1 {
		t.Errorf("stats: %+v", s)
	}
	if want := int64(1 + 5 + 1); s.Reads != want || s.Merged != 2 {
		t.Errorf("%d reads with %d pieces merged, want %d with 2", s.Reads, s.Merged, want)
	}
	if i := r.Info(); i.Backend != b || i.Size != int64(len(contents)) || i.Name != path || i.MaxRead != 64*k || i.InFlight != 3 || i.Why == "" {
		t.Errorf("info: %+v", i)
	}
	if err := r.Check(); err != nil {
		t.Errorf("the file has not changed, found %v", err)
	}
}

// testEnd: what is needed must come, what lies behind need not exist.
func testEnd(t *testing.T, b flashio.Backend) {
	const size = 10000
	path, contents := flashtest.File(t, size)
	r := open(t, path, flashio.Options{Backend: b})
	a := flashtest.Arena(t, 1<<20)
	for _, c := range []struct {
		off, length, need int64
		short             bool
	}{
		{0, 12288, size, false},
		{8192, 4096, size - 8192, false},
		{8192, 65536, size - 8192, false},
		{8192, 4096, size - 8192 + 1, true},
		{0, 12288, 12288, true},
		{12288, 4096, 1, true},
		{1 << 40, 4096, 4096, true},
		{4096, 4096, 1, false},
	} {
		q := &flashio.Request{Parts: []flashio.Part{{Offset: c.off, Into: a.Buffer(0, c.length), Need: c.need}}}
		err := flashtest.Read(r, q)
		var re *flashio.ReadError
		switch {
		case !c.short && err != nil:
			t.Errorf("%d at %d: %v", c.need, c.off, err)
		case c.short && (!errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, flashio.ErrChanged) || !errors.As(err, &re) || re.Name != path || re.Offset != c.off || re.Length != c.need):
			t.Errorf("%d at %d: found %v, want a ReadError of an unexpected end", c.need, c.off, err)
		case !c.short && !bytes.Equal(a.Bytes(0, c.need), contents[c.off:c.off+c.need]):
			t.Errorf("%d at %d: wrong bytes", c.need, c.off)
		}
	}
}

// testRandom has many requests under way at once, cancels and raises some, and
// compares what the others brought.
func testRandom(t *testing.T, b flashio.Backend) {
	const slots, slot = 24, 64 << 10
	path, contents := flashtest.File(t, 700001)
	r := open(t, path, flashio.Options{Backend: b, InFlight: 4, MaxRead: 16 << 10})
	a := flashtest.Arena(t, slots*slot)
	rng := rand.New(rand.NewPCG(1, uint64(b)))
	for round := range 40 {
		var wait sync.WaitGroup
		requests := make([]*flashio.Request, slots)
		errs := make([]error, slots)
		canceled := make([]bool, slots)
		for i := range requests {
			at := int64(i) * slot
			q := &flashio.Request{Priority: flashio.Priority(rng.IntN(2))}
			for end := at + slot; at < end && len(q.Parts) < 4; {
				n := min(end-at, (1+rng.Int64N(6))*flashio.Alignment)
				off := rng.Int64N(int64(len(contents))-n) &^ (flashio.Alignment - 1)
				q.Parts = append(q.Parts, flashio.Part{Offset: off, Into: a.Buffer(at, n), Need: n - rng.Int64N(flashio.Alignment)})
				at += n
			}
			q.Done = func(_ *flashio.Request, err error) { errs[i] = err; wait.Done() }
			wait.Add(1)
			requests[i] = q
			r.Submit(q)
		}
		for i, q := range requests {
			switch rng.IntN(3) {
			case 0:
				if canceled[i] = r.Cancel(q); canceled[i] {
					wait.Done()
				}
			case 1:
				r.Raise(q)
			}
		}
		wait.Wait()
		for i, q := range requests {
			if canceled[i] {
				continue
			}
			if errs[i] != nil {
				t.Fatalf("round %d, request %d: %v", round, i, errs[i])
			}
			for j, p := range q.Parts {
				if !bytes.Equal(p.Into.Bytes()[:p.Need], contents[p.Offset:p.Offset+p.Need]) {
					t.Fatalf("round %d, request %d, part %d: wrong bytes", round, i, j)
				}
			}
		}
	}
	if s := r.Stats(); s.Requests+s.Canceled != 40*slots || s.Failed != 0 || s.Retries != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// testTruncated: a file that shrinks is an error and no signal.
func testTruncated(t *testing.T, b flashio.Backend) {
	path, _ := flashtest.File(t, 1<<20)
	r := open(t, path, flashio.Options{Backend: b})
	a := flashtest.Arena(t, 1<<20)
	if err := os.Truncate(path, 100000); err != nil {
		t.Fatal(err)
	}
	q := &flashio.Request{Parts: []flashio.Part{{Offset: 0, Into: a.Buffer(0, 1<<20), Need: 1 << 20}}}
	err := flashtest.Read(r, q)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, flashio.ErrChanged) {
		t.Errorf("found %v, want an unexpected end and ErrChanged", err)
	}
	if err := r.Check(); !errors.Is(err, flashio.ErrChanged) {
		t.Errorf("check: found %v, want ErrChanged", err)
	}
	q.Parts[0].Need = 50000
	if err := flashtest.Read(r, q); err != nil {
		t.Errorf("what is left of the file: %v", err)
	}
}

// testCloseBusy closes a reader with reads under way and more queued: each
// Done is called once, with the bytes or with ErrClosed.
func testCloseBusy(t *testing.T, b flashio.Backend) {
	path, contents := flashtest.File(t, 1<<20)
	r := open(t, path, flashio.Options{Backend: b, InFlight: 2, MaxRead: 32 << 10})
	a := flashtest.Arena(t, 64<<20)
	const n = 64
	var mu sync.Mutex
	ended := make([]int, n)
	errs := make([]error, n)
	requests := make([]flashio.Request, n)
	for i := range n {
		requests[i] = flashio.Request{
			Priority: flashio.Priority(i % 2),
			Parts:    []flashio.Part{{Offset: 0, Into: a.Buffer(int64(i)<<20, 1<<20), Need: 1 << 20}},
			Done: func(_ *flashio.Request, err error) {
				mu.Lock()
				defer mu.Unlock()
				ended[i]++
				errs[i] = err
			},
		}
		r.Submit(&requests[i])
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range n {
		switch {
		case ended[i] != 1:
			t.Errorf("request %d ended %d times", i, ended[i])
		case errs[i] == nil && !bytes.Equal(a.Bytes(int64(i)<<20, 1<<20), contents):
			t.Errorf("request %d has no error but wrong bytes", i)
		case errs[i] != nil && !errors.Is(errs[i], flashio.ErrClosed):
			t.Errorf("request %d: %v", i, errs[i])
		}
	}
	late := &flashio.Request{Parts: requests[0].Parts}
	if err := flashtest.Read(r, late); !errors.Is(err, flashio.ErrClosed) {
		t.Errorf("after Close: found %v, want ErrClosed", err)
	}
}

// testResubmit submits a request again from its own Done.
func testResubmit(t *testing.T, b flashio.Backend) {
	path, contents := flashtest.File(t, 100*flashio.Alignment)
	r := open(t, path, flashio.Options{Backend: b})
	a := flashtest.Arena(t, flashio.Alignment)
	done := make(chan error)
	q := &flashio.Request{Parts: []flashio.Part{{Into: a.Buffer(0, flashio.Alignment), Need: flashio.Alignment}}}
	q.Done = func(q *flashio.Request, err error) {
		off := q.Parts[0].Offset
		if err == nil && !bytes.Equal(a.Bytes(0, flashio.Alignment), contents[off:off+flashio.Alignment]) {
			err = fmt.Errorf("wrong bytes at %d", off)
		}
		if q.Parts[0].Offset += flashio.Alignment; err != nil || q.Parts[0].Offset == int64(len(contents)) {
			done <- err
			return
		}
		r.Submit(q)
	}
	r.Submit(q)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// testAllocations: a request that is used again costs no garbage.
func testAllocations(t *testing.T, b flashio.Backend) {
	path, _ := flashtest.File(t, 1<<20)
	r := open(t, path, flashio.Options{Backend: b, MaxRead: 64 << 10})
	a := flashtest.Arena(t, 1<<20)
	done := make(chan error, 1)
	q := &flashio.Request{
		Parts: []flashio.Part{
			{Offset: 0, Into: a.Buffer(0, 200<<10), Need: 200 << 10},
			{Offset: 400 << 10, Into: a.Buffer(256<<10, 8<<10), Need: 8 << 10}, // these two
			{Offset: 408 << 10, Into: a.Buffer(512<<10, 8<<10), Need: 8 << 10}, // are merged
		},
		Done: func(_ *flashio.Request, err error) { done <- err },
	}
	if n := testing.AllocsPerRun(50, func() {
		r.Submit(q)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a request, want none", n)
	}
}
