package flashio

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// rateRead is the size of one request of Rate: about an expert.
const rateRead = 2 << 20

// Rate reads from places all over the file for about as long as d, as many
// requests at once as the reader takes, and returns bytes per second. What else
// reads at the time slows it. It counts in Stats.
func (r *Reader) Rate(ctx context.Context, d time.Duration) (float64, error) {
	info := r.Info()
	size := min(int64(rateRead), info.Size&^(Alignment-1))
	if size == 0 {
		return 0, fmt.Errorf("%s: %d bytes are too few to measure a device with", info.Name, info.Size)
	}
	arena, err := NewArena(size*int64(info.InFlight), ArenaOptions{})
	if err != nil {
		return 0, err
	}
	results := make(chan *Request, info.InFlight)
	failed := make(chan error, info.InFlight)
	places := rand.New(rand.NewPCG(1, uint64(info.Size)))
	submit := func(q *Request) {
		q.Parts[0].Offset = places.Int64N((info.Size-size)/Alignment+1) * Alignment
		r.Submit(q)
	}
	began := time.Now()
	for i := range int64(info.InFlight) {
		q := &Request{Parts: []Part{{Into: arena.Buffer(i*size, size), Need: size}}}
		q.Done = func(q *Request, err error) {
			if err != nil {
				failed <- err
				return
			}
			results <- q
		}
		submit(q)
	}
	bytes, underWay := int64(0), info.InFlight
	var last time.Time
	for underWay > 0 {
		select {
		case q := <-results:
			bytes, last = bytes+q.Bytes, time.Now()
			if err == nil && ctx.Err() == nil && time.Since(began) < d {
				submit(q)
				continue
			}
		case err = <-failed:
		}
		underWay--
	}
	if err == nil {
		err = ctx.Err()
	}
	if closing := arena.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return 0, err
	}
	return float64(bytes) / last.Sub(began).Seconds(), nil
}
