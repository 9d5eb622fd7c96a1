package hosts

import (
	"sync"
	"sync/atomic"
	"time"
)

// State is what this host thinks of another.
type State string

const (
	Absent  State = "absent"  // it is not there
	Untried State = "untried" // a trial has to show that it answers, and the same bits
	Ready   State = "ready"
	Resting State = "resting" // it was late or failed, and is tried again after a pause
	Refused State = "refused" // its answers differ
)

// HostStats says what became of the messages to a host.
type HostStats struct {
	Name     string        `json:"name"`
	State    State         `json:"state"`
	Why      string        `json:"why,omitempty"` // of a state that is not ready
	Asked    int64         `json:"asked"`         // messages
	Late     int64         `json:"late"`          // of them, longer than was waited for
	Failed   int64         `json:"failed"`        // of them, without an answer
	Experts  int64         `json:"experts"`       // that it computed and were used
	Instead  int64         `json:"instead"`       // that were computed here, since it was late or failed
	Moved    int64         `json:"moved"`         // tokens that went there, for one or more layers
	Hints    int64         `json:"hints"`         // of what it will be asked for
	Sent     int64         `json:"sent"`          // bytes
	Received int64         `json:"received"`      // bytes
	P50      time.Duration `json:"p50_ns"`        // of a message of one token
	P99      time.Duration `json:"p99_ns"`
	MoveP50  time.Duration `json:"move_p50_ns"` // of a passage of one token, as long as the last one
	MoveP99  time.Duration `json:"move_p99_ns"`
}

// host is another host as this one sees it.
type host struct {
	name string
	id   uint64 // of the Experts' hosts

	short atomic.Bool // it does not hold all its experts

	mu     sync.Mutex // guards what is below
	state  State
	why    string
	start  string
	trying bool
	until  time.Time // when one that rests is tried again
	pause  time.Duration
	pauses int // doublings of pause
	counts HostStats
	pace   pace // of messages about experts, and
	stride pace // of those about whole layers

	layers int       // of the last passage
	boot   uint64    // number of its start
	proved bool      // whole layers that it ran were what this host computes
	busy   bool      // with proving it
	full   time.Time // until when it has no room for keys and values
}

const (
	maxPauses = 5 // doublings
	fullPause = 10 * time.Second
)

// present notes whether the host is there, and which start of it, and reports
// whether that is news.
func (h *host) present(there bool, start string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !there && (h.state == Absent || h.state == ""):
		h.state = Absent
		return false
	case !there:
		h.state, h.why = Absent, "it left"
	case h.state == Absent || h.state == "" || h.start != start:
		h.state, h.why, h.start, h.until, h.pauses = Untried, "", start, time.Time{}, 0
		h.pace, h.stride = pace{}, pace{}
		h.boot, h.proved, h.full = h.boot+1, false, time.Time{}
	default:
		return false
	}
	return true
}

// use reports whether the host is to be relied on, or else whether it is due for
// a trial, which the caller must then end by tried.
func (h *host) use(now time.Time) (ready, trial bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.state {
	case Ready:
		return true, false
	case Untried, Resting:
		if !h.trying && !now.Before(h.until) {
			h.trying = true
			return false, true
		}
	}
	return false, false
}

// counted reports whether the host is relied on, or soon will be.
func (h *host) counted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == Ready || h.state == Untried
}

// tried ends a trial: without an error the host is ready.
func (h *host) tried(err error, refused bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trying = false
	switch {
	case h.state == Absent || h.state == "":
	case refused:
		h.state, h.why = Refused, err.Error()
	case err != nil:
		h.rest(err.Error(), now)
	default:
		h.state, h.why, h.pauses = Ready, "", 0
	}
}

// untried ends a trial that did not come to be.
func (h *host) untried() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trying = false
}

// rest has the host passed over for a while. The caller holds mu.
func (h *host) rest(why string, now time.Time) {
	h.state, h.why = Resting, why
	h.until = now.Add(h.pause << h.pauses)
	h.pauses = min(h.pauses+1, maxPauses)
}

// wait is how long the answer to a message may take before others are asked.
func (h *host) wait(pairs int, least, most time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pace.wait(pairs, least, most)
}

// asked counts a message.
func (h *host) asked(bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Asked++
	h.counts.Sent += int64(bytes)
}

// answered notes how long an answer took, late or not.
func (h *host) answered(bytes, pairs int, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Received += int64(bytes)
	h.pace.add(pairs, took)
}

// late notes that an answer is not waited for any longer; experts are computed
// here instead. It reports whether the host's state has changed.
func (h *host) late(experts int, waited time.Duration, at time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Late++
	h.counts.Instead += int64(experts)
	return h.fault("no answer within "+waited.Round(time.Millisecond).String(), at)
}

// failed notes that a message has no answer.
func (h *host) failed(experts int, err error, at time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Failed++
	h.counts.Instead += int64(experts)
	return h.fault(err.Error(), at)
}

// fault has a host that was ready rest. The caller holds mu.
func (h *host) fault(why string, at time.Time) bool {
	if h.state != Ready {
		return false
	}
	h.rest(why, at)
	return true
}

// served counts experts whose outputs were used.
func (h *host) served(experts int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Experts += int64(experts)
}

func (h *host) stats() HostStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.counts
	s.Name, s.State, s.Why, s.P50, s.P99 = h.name, h.state, h.why, h.pace.p50, h.pace.p99
	one := weight(layerPairs * h.layers)
	s.MoveP50, s.MoveP99 = time.Duration(one*float64(h.stride.p50)), time.Duration(one*float64(h.stride.p99))
	if s.State == "" {
		s.State = Absent
	}
	return s
}
