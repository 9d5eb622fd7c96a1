package flashio

import (
	"fmt"
	"time"
)

// What is within these of the best is as good: measurements of a disk that
// others use too vary by more than a few parts in a hundred.
const (
	asGood       = 0.93
	bufferedGain = 1.15 // that buys a copy by the processor and the page cache's disorder
	leastMaxRead = 256 << 10
	leastFlight  = 2 // with one, a demand waits for a prefetch to end

	// matrixRead is about one matrix of an expert in a stock file, the largest
	// read that most demands have.
	matrixRead = 1 << 20
	// packPays is the gain in bandwidth that outweighs the processor's time for
	// taking bundles apart.
	packPays = 1.25
)

// choose picks from what was measured: the backend with the best rate, direct
// reads unless others are faster by far; the shortest read that comes as close
// to that as counts, since a demand waits for whole reads; and the fewest at once
// with which it and shorter ones of one matrix do. It wants at least one point
// with a rate.
func choose(points []Point) (b Backend, inFlight int, maxRead int64, why string) {
	best := map[Backend]float64{}
	for _, p := range points {
		best[p.Backend] = max(best[p.Backend], p.Rate)
	}
	b = Direct
	switch {
	case best[Direct] == 0:
		b, why = Buffered, "buffered reads, since there are no direct ones"
	case best[Buffered] > bufferedGain*best[Direct]:
		b, why = Buffered, fmt.Sprintf("buffered reads, since they reach %s and direct ones %s", rateText(best[Buffered]), rateText(best[Direct]))
	case best[Buffered] > 0:
		why = fmt.Sprintf("direct reads, since they reach %s and buffered ones %s", rateText(best[Direct]), rateText(best[Buffered]))
	default:
		why = "direct reads"
	}
	var pick Point
	for _, p := range points {
		if p.Backend != b || p.Rate < asGood*best[b] {
			continue
		}
		if pick.Size == 0 || p.Size < pick.Size || p.Size == pick.Size && p.InFlight < pick.InFlight {
			pick = p
		}
	}
	maxRead, inFlight = max(pick.Size, leastMaxRead), max(pick.InFlight, leastFlight)
	if pick.Size > matrixRead {
		inFlight = max(inFlight, fewest(points, b, matrixRead).InFlight)
	}
	why += fmt.Sprintf("; of %s, the shortest with %s, %d at once; half of them take under %v",
		sizeText(pick.Size), rateText(pick.Rate), pick.InFlight, pick.P50.Round(10*time.Microsecond))
	if inFlight > max(pick.InFlight, leastFlight) {
		why += fmt.Sprintf("; %d at once for reads of %s", inFlight, sizeText(matrixRead))
	}
	return b, inFlight, maxRead, why
}

// fewest is the point of one backend and size with the fewest reads at once
// that is as good as the best of that size; zero where there is none.
func fewest(points []Point, b Backend, size int64) (pick Point) {
	best := fastest(points, b, func(p *Point) bool { return p.Size == size })
	for _, p := range points {
		if p.Backend == b && p.Size == size && p.Rate >= asGood*best && (pick.InFlight == 0 || p.InFlight < pick.InFlight) {
			pick = p
		}
	}
	return pick
}

// fastest is the best rate of a backend's points that count.
func fastest(points []Point, b Backend, counts func(*Point) bool) (rate float64) {
	for i := range points {
		if p := &points[i]; p.Backend == b && counts(p) {
			rate = max(rate, p.Rate)
		}
	}
	return rate
}

// Packing says in words whether experts that lie in one piece, as in a packed
// model, would be read from the device so much faster than matrix by matrix that
// it is worth it; empty where that was not measured.
func (d *Device) Packing() string {
	apart := fastest(d.Points, d.Backend, func(p *Point) bool { return p.Size == matrixRead && p.InFlight <= d.InFlight })
	whole := fastest(d.Points, d.Backend, func(p *Point) bool { return p.Size > matrixRead && p.InFlight <= d.InFlight })
	switch {
	case apart == 0 || whole == 0:
		return ""
	case whole > packPays*apart:
		return fmt.Sprintf("pays: long reads reach %s, those of one matrix %s", rateText(whole), rateText(apart))
	}
	return fmt.Sprintf("does not pay: reads of one matrix reach %s, long ones %s", rateText(apart), rateText(whole))
}

func rateText(r float64) string { return fmt.Sprintf("%.0f MB/s", r/1e6) }

func sizeText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
