package cost_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"moed/predictor/cost"
)

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s: found %v, want %v within %v of it", what, got, want, relative)
	}
}

// made is what a device of these properties would measure.
func made(f cost.Flash, sizes []int64, depths []int) []cost.Point {
	var points []cost.Point
	for _, size := range sizes {
		for _, depth := range depths {
			f.Reads = depth
			points = append(points, cost.Point{Size: size, InFlight: depth, Rate: f.Throughput(size)})
		}
	}
	return points
}

func TestNewFlashFindsTheDevice(t *testing.T) {
	want := cost.Flash{Latency: 80e-6, Stream: 1.2e9, Rate: 3e9}
	points := made(want, []int64{4 << 10, 32 << 10, 256 << 10, 1 << 20, 4 << 20}, []int{1, 2, 4, 8})
	got, err := cost.NewFlash(points, 4)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "latency", got.Latency, want.Latency, 1e-6)
	near(t, "stream", got.Stream, want.Stream, 1e-6)
	near(t, "rate", got.Rate, want.Rate, 1e-6)
	near(t, "a read of 1 MiB", got.Seconds(1<<20), 80e-6+float64(1<<20)/1.2e9, 1e-6)
	near(t, "four reads of 4 KiB at once", got.Throughput(4<<10), 4*4096/(80e-6+4096/1.2e9), 1e-6)
	near(t, "four large reads at once", got.Throughput(64<<20), 3e9, 1e-6)
}

func TestNewFlashOfOddPoints(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, points := range [][]cost.Point{
		nil,
		{{Size: 0, InFlight: 1, Rate: 1e9}},
		{{Size: 1 << 20, InFlight: 0, Rate: 1e9}},
		{{Size: 1 << 20, InFlight: 1, Rate: -1}, {Size: 1 << 20, InFlight: 1, Rate: nan}, {Size: 1 << 20, InFlight: 1, Rate: inf}},
	} {
		if _, err := cost.NewFlash(points, 1); !errors.Is(err, cost.ErrNoPoints) {
			t.Errorf("%v: found error %v, want ErrNoPoints", points, err)
		}
	}
	// Without single reads, and where small reads are the quickest.
	for _, points := range [][]cost.Point{
		{{Size: 1 << 20, InFlight: 8, Rate: 1e9}},
		{{Size: 4 << 10, InFlight: 1, Rate: 2e9}, {Size: 4 << 20, InFlight: 1, Rate: 1e9}},
	} {
		f, err := cost.NewFlash(points, 2)
		if err != nil {
			t.Fatal(err)
		}
		if s := f.Seconds(1 << 20); !(s > 0) || math.IsInf(s, 1) || f.Latency < 0 {
			t.Errorf("%v: found %v with a read of %v s", points, f, s)
		}
	}
}

// TestThroughputGrows: with the size of a read and with how many there are.
func TestThroughputGrows(t *testing.T) {
	f := cost.Flash{Latency: 100e-6, Stream: 1e9, Rate: 2.5e9, Reads: 1}
	before := 0.0
	for size := int64(512); size <= 64<<20; size *= 2 {
		rate := f.Throughput(size)
		if rate < before || rate > f.Rate {
			t.Errorf("reads of %d: %v B/s after %v, at most %v", size, rate, before, f.Rate)
		}
		before = rate
		more := f
		more.Reads = 4
		if more.Throughput(size) < rate {
			t.Errorf("reads of %d: four at once get %v, one %v", size, more.Throughput(size), rate)
		}
	}
}

func TestWorth(t *testing.T) {
	f := cost.Flash{Latency: 100e-6, Stream: 1e9, Rate: 2e9, Reads: 4}
	read := f.Seconds(3 << 20)
	for _, c := range []struct{ p, victim, busy, want float64 }{
		{1, 0, 1, read},              // certain: however busy
		{0, 0, 1, -read},             // never wanted, and in the way
		{0, 0, 0, 0},                 // never wanted, but in nobody's way
		{0.5, 0, 0, 0.5 * read},      // an idle disk and an empty slot
		{0.5, 0.5, 0, 0},             // as likely as what it pushes out
		{0.5, 0, 1, 0},               // even, on a busy disk
		{0.5, 0.25, 1, -0.25 * read}, // and a victim that is wanted
	} {
		if got := f.Worth(c.p, c.victim, c.busy, 3<<20); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Worth(%v, %v, %v): found %v, want %v", c.p, c.victim, c.busy, got, c.want)
		}
	}
}

// TestWorthProperties: a guess is never worth reading where it cannot come true
// or its victim is likelier, more probability never makes it worth less, and
// more harm never more.
func TestWorthProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for range 2000 {
		f := cost.Flash{Latency: rng.Float64() * 1e-3, Stream: 1e8 + rng.Float64()*1e10, Rate: 1e8 + rng.Float64()*1e10}
		p, victim, busy, bytes := rng.Float64(), rng.Float64(), rng.Float64(), rng.Int64N(1<<28)
		worth := f.Worth(p, victim, busy, bytes)
		switch {
		case f.Worth(0, victim, busy, bytes) > 0:
			t.Fatalf("%v: worth %v at p 0", f, f.Worth(0, victim, busy, bytes))
		case victim >= p && worth > 0:
			t.Fatalf("%v: worth %v at p %v with a victim at %v", f, worth, p, victim)
		case f.Worth(min(p+0.1, 1), victim, busy, bytes) < worth:
			t.Fatalf("%v: less worth at more than p %v", f, p)
		case f.Worth(p, min(victim+0.1, 1), busy, bytes) > worth, f.Worth(p, victim, min(busy+0.1, 1), bytes) > worth:
			t.Fatalf("%v: worth more with a likelier victim or a busier disk", f)
		case math.Abs(worth) > 2*f.Seconds(bytes):
			t.Fatalf("%v: worth %v, more than two reads of %v", f, worth, f.Seconds(bytes))
		}
	}
}

// TestWorthOfNoNumbers: estimates that went wrong buy nothing.
func TestWorthOfNoNumbers(t *testing.T) {
	f := cost.Flash{Stream: 1e9, Rate: 1e9}
	for _, p := range []float64{math.NaN(), math.Inf(-1), -1} {
		if got := f.Worth(p, 0, 0.5, 1<<20); !(got <= 0) {
			t.Errorf("p %v: worth %v", p, got)
		}
	}
	if got := f.Worth(math.Inf(1), 0, 1, 1<<20); got != f.Seconds(1<<20) {
		t.Errorf("p beyond 1: worth %v, want %v as at 1", got, f.Seconds(1<<20))
	}
	var free cost.Flash
	if got := free.Worth(0.9, 0, 0, 1<<20); got != 0 {
		t.Errorf("a device without time: worth %v", got)
	}
}
