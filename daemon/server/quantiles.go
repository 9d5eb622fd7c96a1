package server

import (
	"moed/daemon"
	"moed/daemon/api"
)

func quantiles(h *daemon.Histogram) api.Quantiles {
	return api.Quantiles{P50: quantile(h, 0.5), P99: quantile(h, 0.99), Count: h.Count()}
}

// quantile is read off a histogram as if values were spread evenly within their
// bucket. What is above the last bound counts as that.
func quantile(h *daemon.Histogram, q float64) float64 {
	bounds := daemon.HistogramBounds()
	rank, below := q*float64(h.Count()), 0.0
	if rank == 0 {
		return 0
	}
	for i, upper := range bounds {
		n := float64(h.Counts[i])
		if below+n >= rank {
			lower := 0.0
			if i > 0 {
				lower = bounds[i-1]
			}
			return lower + (upper-lower)*(rank-below)/n
		}
		below += n
	}
	return bounds[len(bounds)-1]
}
