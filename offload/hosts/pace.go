package hosts

import (
	"slices"
	"time"
)

const (
	history    = 256 // answers from which percentiles are taken
	recount    = 32  // after so many more they are taken again
	enough     = 32  // answers before they mean anything
	pairWeight = 16  // pairs that take as long as the message itself
)

// pace is how long a host's answers take, as if they had all been of no pair.
type pace struct {
	took []time.Duration // the last
	next int             // in took
	p50  time.Duration
	p99  time.Duration
}

// weight is how much longer a message of so many pairs takes than one of none.
func weight(pairs int) float64 { return 1 + float64(pairs)/pairWeight }

// add notes an answer.
func (p *pace) add(pairs int, took time.Duration) {
	took = time.Duration(float64(took) / weight(pairs))
	if len(p.took) < history {
		p.took = append(p.took, took)
	} else {
		p.took[p.next%history] = took
	}
	p.next++
	if p.next%recount == 0 || len(p.took) == enough {
		sorted := slices.Sorted(slices.Values(p.took))
		p.p50, p.p99 = sorted[len(sorted)/2], sorted[(len(sorted)*99+99)/100-1]
	}
}

// wait is how long the answer to a message may take before others are asked.
func (p *pace) wait(pairs int, least, most time.Duration) time.Duration {
	if len(p.took) < enough {
		return most
	}
	return min(most, max(least, time.Duration(2*float64(p.p99)*weight(pairs))))
}
