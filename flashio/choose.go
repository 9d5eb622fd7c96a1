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
)

// choose picks from what was measured: the backend with the best rate, direct
// reads unless others are faster by far; the shortest read that comes as close
// to that as counts, since a demand waits for whole reads; and with it the
// fewest at once. It wants at least one point with a rate.
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
	why += fmt.Sprintf("; of %s, the shortest with %s, %d at once; half of them take under %v",
		sizeText(pick.Size), rateText(pick.Rate), pick.InFlight, pick.P50.Round(10*time.Microsecond))
	return b, inFlight, maxRead, why
}

func rateText(r float64) string { return fmt.Sprintf("%.0f MB/s", r/1e6) }

func sizeText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
