package offload

// trial compares passes with and without reading ahead, by the waiting for each
// expert that had to be read: the one thing that no model of costs can get
// wrong. A few passes now and then go without; where that proves quicker, most
// do, and a few go with.
type trial struct {
	without bool // so is the pass at hand
	worse   bool // reading ahead has lost
	left    int  // passes until the next change
	every   int  // passes between two trials
	rounds  int  // trials since the last change of mind
	fresh   bool // the pass at hand is the first since a change, and tells of both

	ahead, plain waiting
}

// waiting is a decaying sum.
type waiting struct{ seconds, need float64 }

const (
	firstTrial = 32 // passes until the first trial
	longTrial  = 512
	trialSize  = 3 // passes, the first of which is not counted
	mindAfter  = 3 // trials until one is believed
	// lossMargin is by how much the other way must be better to be taken: the
	// figures are noisy.
	lossMargin   = 1.05
	waitingDecay = 0.8 // per trial
)

func newTrial() trial { return trial{left: firstTrial, every: firstTrial} }

// turn takes in a pass and says in without how the next one goes.
func (t *trial) turn(p pass) {
	if !t.fresh && p.need > 0 {
		w := &t.ahead
		if t.without {
			w = &t.plain
		}
		w.seconds += (p.stall + p.asking).Seconds()
		w.need += float64(p.need)
	}
	t.fresh = false
	if t.left--; t.left > 0 {
		return
	}
	t.fresh = true
	if t.without == t.worse { // the trial begins
		t.without, t.left = !t.worse, trialSize
		return
	}
	t.judge()
	t.without, t.left = t.worse, t.every
}

// judge ends a trial.
func (t *trial) judge() {
	t.rounds++
	used, other := &t.ahead, &t.plain
	if t.worse {
		used, other = other, used
	}
	if t.rounds >= mindAfter && other.need > 0 && lossMargin*other.rate() < used.rate() {
		t.worse, t.rounds, t.every = !t.worse, 0, firstTrial
	} else {
		t.every = min(2*t.every, longTrial)
	}
	t.ahead.decay()
	t.plain.decay()
}

// rate is the waiting for one expert.
func (w *waiting) rate() float64 {
	if w.need == 0 {
		return 0
	}
	return w.seconds / w.need
}

func (w *waiting) decay() {
	w.seconds *= waitingDecay
	w.need *= waitingDecay
}
