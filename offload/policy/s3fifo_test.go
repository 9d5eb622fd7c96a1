package policy

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestS3FIFOQueues: in ten experts' room (one of it small), by hand.
func TestS3FIFOQueues(t *testing.T) {
	full := []int32{0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9} // 0 twice again
	for _, tc := range []struct {
		name string
		then []int32
		hits int // of then
	}{
		{"wanted twice again moves to main", []int32{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 0}, 1},
		{"the oldest of the small queue goes", []int32{10, 1}, 0},
		{"the next oldest stays", []int32{10, 2}, 1},
		{"once again is not enough", []int32{1, 10, 1}, 1},
		{"a ghost comes back to main", []int32{10, 1, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 1}, 1},
		{"not a ghost comes back to small", []int32{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 10}, 0},
		{"ghosts are forgotten", []int32{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 1, 22, 23, 24, 25, 26, 27, 28, 29, 30, 1}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var steps []Step
			for _, e := range full {
				steps = append(steps, Step{Experts: []int32{e}, Tokens: 1})
			}
			for _, e := range tc.then {
				steps = append(steps, Step{Experts: []int32{e}, Tokens: 1, Decode: true})
			}
			got, err := S3FIFO(steps, Shape{Layers: 1, Experts: 32}, Cache{Bytes: 10, Size: []int64{1}})
			if err != nil {
				t.Fatal(err)
			}
			if got.Prefill.Hits != 2 || got.Decode.Hits != tc.hits {
				t.Errorf("found %d and %d hits, want 2 and %d", got.Prefill.Hits, got.Decode.Hits, tc.hits)
			}
		})
	}
}

// TestS3FIFOBounds: over random batches it repeats exactly and Belady bounds it,
// also where a batch does not fit.
func TestS3FIFOBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := Shape{Layers: 4, Experts: 12}
	var steps []Step
	for i := range 800 {
		perm := rng.Perm(s.Experts)[:1+rng.IntN(4)]
		x := Step{Layer: i % s.Layers, Tokens: 1, Decode: true}
		for _, e := range perm {
			x.Experts = append(x.Experts, int32(e))
		}
		steps = append(steps, x)
	}
	for _, bytes := range []int64{0, 7, 21, 100, 200, 1000} {
		c := Cache{Bytes: bytes, Size: []int64{7, 7, 7, 7}}
		got, err := S3FIFO(steps, s, c)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := S3FIFO(steps, s, c)
		if !reflect.DeepEqual(got, again) {
			t.Errorf("%d bytes: found %+v, then %+v", bytes, got.Decode, again.Decode)
		}
		best, err := Belady(steps, s, c)
		if err != nil {
			t.Fatal(err)
		}
		if got.Decode.Hits > best.Decode.Hits || got.Decode.Wanted != best.Decode.Wanted {
			t.Errorf("%d bytes: found %+v, belady %+v", bytes, got.Decode, best.Decode)
		}
		if bytes >= 100 && got.Decode.Hits == 0 {
			t.Errorf("%d bytes: no hits", bytes)
		}
	}
}

func TestS3FIFORefuses(t *testing.T) {
	s, size := Shape{Layers: 1, Experts: 2}, []int64{1}
	for name, c := range map[string]Cache{
		"slots":     {Slots: 1, Size: size},
		"per layer": {Bytes: 1, Size: size, PerLayer: true},
		"ahead":     {Bytes: 1, Size: size, Ahead: 1},
		"sizes":     {Bytes: 1},
	} {
		if _, err := S3FIFO(nil, s, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
