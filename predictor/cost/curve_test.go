package cost_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"moed/predictor/cost"
)

func TestCurve(t *testing.T) {
	c := cost.NewCurve([]cost.Hit{{Share: 0.5, Ratio: 0.9}, {Share: 0.1, Ratio: 0.5}, {Share: 1, Ratio: 0.8}})
	for _, x := range []struct{ share, cycles, want float64 }{
		{0, 9, 0},
		{0.05, 9, 0.25},
		{0.1, 9, 0.5},
		{0.3, 9, 0.7},
		{0.5, 9, 0.9},
		{1, 9, 0.9}, // lifted to the smaller cache's
		{2, 9, 0.9},
		{-1, 9, 0},
		{math.NaN(), 9, 0},
		{0.5, 0.4, 0.4}, // no more than fits
		{0.5, 0, 0},
	} {
		if got := c.At(x.share, x.cycles); math.Abs(got-x.want) > 1e-12 {
			t.Errorf("At(%v, %v): found %v, want %v", x.share, x.cycles, got, x.want)
		}
	}
	if got := cost.NewCurve(nil).At(0.5, 9); got != 0 {
		t.Errorf("a curve of no points: found %v, want 0", got)
	}
}

// TestCurveNeverFalls, whatever the points.
func TestCurveNeverFalls(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		points := make([]cost.Hit, 1+rng.IntN(12))
		for i := range points {
			points[i] = cost.Hit{Share: rng.Float64()*1.2 - 0.1, Ratio: rng.Float64()*1.2 - 0.1}
		}
		c := cost.NewCurve(points)
		before := 0.0
		for share := 0.0; share <= 1; share += 0.01 {
			got := c.At(share, 20*share)
			if got < before-1e-12 || got > 1 {
				t.Fatalf("%v: %v at %v after %v", points, got, share, before)
			}
			before = got
		}
	}
}

func TestCover(t *testing.T) {
	// Choices at random: exp(-x) is left unwanted, so that b is 1.
	var c cost.Cover
	for _, x := range []float64{0.05, 0.1, 1, 2} {
		c = append(c, cost.Covered{Choices: x, Share: 1 - math.Exp(-x)})
	}
	for _, x := range []float64{0.05, 0.07, 0.5, 1, 2, 8} {
		near(t, "cover", c.At(x), 1-math.Exp(-x), 1e-9)
		near(t, "cover without points", cost.Cover(nil).At(x), 1-math.Exp(-x), 1e-9)
	}
	for _, x := range []float64{0, -1, math.NaN()} {
		if got := c.At(x); got != 0 {
			t.Errorf("At(%v): found %v, want 0", x, got)
		}
	}
	_, typical := cost.Typical()
	before := 0.0
	for x := 0.001; x < 100; x *= 1.1 {
		got := typical.At(x)
		if got < before || got > min(x, 1) {
			t.Errorf("At(%v): found %v after %v, and no more than %v are chosen", x, got, before, x)
		}
		before = got
	}
}

// TestCoverOfOddPoints: points that repeat or fill the layer end in no infinity.
func TestCoverOfOddPoints(t *testing.T) {
	for _, c := range []cost.Cover{
		{{1, 0.5}, {1, 0.5}},
		{{1, 1}, {2, 1}},
		{{1, 0}, {2, 0}},
		{{0.5, 0.5}},
	} {
		for _, x := range []float64{0.1, 1, 1.5, 10} {
			if got := c.At(x); !(got >= 0 && got <= 1) {
				t.Errorf("%v at %v: found %v", c, x, got)
			}
		}
	}
}

// TestPromptReads: a prompt in one chunk reads what it covers; more chunks read
// no less, unless all that was read stays.
func TestPromptReads(t *testing.T) {
	_, cover := cost.Typical()
	p := cost.Prompt{Tokens: 512, Chunk: 512, Experts: 16e9, Held: 1e9, Cover: cover, PerTok: 6. / 128, Rate: 1.5e9}
	whole := p.Bytes()
	near(t, "one chunk", whole, cover.At(512*6./128)*16e9, 1e-9)
	near(t, "time without arithmetic", p.Seconds(), whole/1.5e9, 1e-9)
	before := whole
	for chunk := 256; chunk >= 32; chunk /= 2 {
		p.Chunk = chunk
		if got := p.Bytes(); got <= before {
			t.Errorf("chunks of %d read %v, larger ones %v", chunk, got, before)
		}
		before = p.Bytes()
	}
	p.Held = 16e9
	near(t, "many chunks with room for all", p.Bytes(), whole, 1e-9)

	p.Work = func(tokens int, _ float64) float64 { return float64(tokens) * 0.02 }
	if got := p.Seconds(); got < 512*0.02 || got > 512*0.02+p.Bytes()/p.Rate {
		t.Errorf("%v s for %v s of arithmetic and %v s of reads", got, 512*0.02, p.Bytes()/p.Rate)
	}
	dense := cost.Prompt{Tokens: 100, Chunk: 0, Work: func(int, float64) float64 { return 1 }}
	near(t, "a model without experts, a token at a time", dense.Seconds(), 100, 1e-9)
}

// TestChunkReads: where there is room for all, no length reads more; where there
// is little, long chunks pay for a memory that loses little by them.
func TestChunkReads(t *testing.T) {
	e := cost.Experts{Bytes: 16.4e9, Cycle: 0.77e9, PerTok: 6. / 128}
	near(t, "with room for all", e.Reads(32, 17e9), e.Reads(512, 17e9), 1e-9)
	if short, long := e.Reads(32, 800e6), e.Reads(512, 710e6); long >= short {
		t.Errorf("with 710 MB chunks of 512 read %v, with 800 MB chunks of 32 %v", long, short)
	}
	if short, long := e.Reads(32, 300e6), e.Reads(64, 20e6); long <= short {
		t.Errorf("with 20 MB chunks of 64 read %v, with 300 MB chunks of 32 %v", long, short)
	}
	if got := (cost.Experts{}).Reads(512, 1e9); got != 0 {
		t.Errorf("without experts: found %v, want 0", got)
	}
}

func TestRoofline(t *testing.T) {
	r := cost.Rate{Bytes: 20e9, Adds: 100e9}
	one := cost.Product{Rate: r, Bytes: 1e9, Adds: 2e9}
	many := cost.Product{Rate: r, Bytes: 1e9, Adds: 2e9 * 32}
	near(t, "one vector", one.Seconds(), 0.05, 1e-12)
	near(t, "many vectors", many.Seconds(), 0.64, 1e-12)
	near(t, "both", cost.Arithmetic([]cost.Product{one, many}), 0.69, 1e-12)
	if got := (cost.Product{Bytes: 1, Adds: 1}).Seconds(); got != 0 {
		t.Errorf("without rates: %v s", got)
	}
}
