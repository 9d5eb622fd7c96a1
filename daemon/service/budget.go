package service

import (
	"errors"
	"strconv"

	"moed/daemon"
	"moed/offload/budget"
)

// limiter keeps the memory budget within what the machine and the control groups
// allow at the moment.
type limiter struct {
	want int64 // the budget as it was given, by configuration or by a caller
	set  int64 // what it has been brought to
	sour bool  // the last change failed, and that is said
}

const (
	// Others come and go: what is less by a thirty-second is let be, and what was
	// taken is given back by an eighth at least.
	noise   = 32
	regrows = 8
)

// next is the budget that there should be, total where nothing is to change.
// available is what the process may hold in all.
func (l *limiter) next(total, available int64) int64 {
	if total != l.set { // somebody else has changed it
		l.want, l.set = total, total
	}
	target := min(l.want, available)
	if available <= 0 || target < total && total-target < total/noise || target > total && target-total < total/regrows && target < l.want {
		return total
	}
	return target
}

// limit looks once.
func (s *service) limit() {
	total, _ := s.shelf.Budget()
	limits, err := budget.Discover(nil)
	if err != nil {
		return // the system says nothing
	}
	next := s.limiter.next(total, limits.Available)
	if next == total {
		s.limiter.sour = false
		return
	}
	err = s.shelf.Resize(strconv.FormatInt(next, 10))
	if errors.Is(err, daemon.ErrDraining) {
		return
	}
	if err != nil {
		if !s.limiter.sour {
			s.log.Warn("there is less memory than the budget, and what is in use does not fit", "budget", total, "available", limits.Available, "err", err)
		}
		s.limiter.sour = true
		return
	}
	s.limiter.set, s.limiter.sour = next, false
	s.log.Info("memory budget changed", "from", total, "to", next, "given", s.limiter.want, "because", limits.Binding)
}
