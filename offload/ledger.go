package offload

import (
	"time"

	"moed/predictor/cost"
)

// ledger keeps account of what reading ahead brings, layer by layer, and says
// where it does not pay. It is told everything, the time too, and so does the
// same again for the same. Passes of several tokens are not in it: they want
// most of a layer, and for them reading ahead always pays.
type ledger struct {
	accounts []account // by layer
	flash    cost.Flash
	busy     float64 // share of a pass in which the disk reads what is wanted now
	need     float64 // bytes that a pass has to read, moving average
	spent    int64   // bytes read ahead in this pass
	trial    trial
}

// account is that of one layer.
type account struct {
	need  float64 // experts per visit that had to be read, guessed or not, moving average
	net   float64 // seconds per visit that asking brought, moving average
	cost  float64 // seconds that asking about the coming visit has taken
	asked int     // visits that were asked about since the last rest
	rest  int     // visits still to come that are not asked about
	least float64 // need when the rest began
	pause int     // how long the next rest is
}

const (
	needPace = 1.0 / 16 // of the moving averages, per visit
	netPace  = 1.0 / 16
	passPace = 1.0 / 8 // of the averages over a pass

	// enoughVisits have to be seen before a layer is judged.
	enoughVisits = 16
	firstPause   = 64
	longestPause = 2048

	// A rest ends early where so many times the experts have to be read, and so
	// many more.
	wakeFactor = 2
	wakeNeed   = 0.1

	// firstRate is what a device is taken to give until it has been seen, in
	// bytes per second.
	firstRate = 1e9

	// capFactor times what a pass needs is the most that is read ahead in it.
	capFactor = 1.5
)

func newLedger(layers int) ledger {
	l := ledger{accounts: make([]account, layers), trial: newTrial(), flash: cost.Flash{Stream: firstRate, Rate: firstRate}}
	for i := range l.accounts {
		l.accounts[i].pause = firstPause
	}
	return l
}

// asks reports whether it pays to ask about a layer's next visit.
func (l *ledger) asks(layer int) bool {
	a := &l.accounts[layer]
	return a.rest == 0 && !l.trial.without
}

// worth reports whether an expert of that many bytes that is wanted with
// probability p should take the place of one that is wanted with probability
// victim before the cache would have given it up.
func (l *ledger) worth(p, victim float64, bytes int64) bool {
	if l.need > 0 && float64(l.spent+bytes) > capFactor*l.need+float64(bytes) {
		return false
	}
	return l.flash.Worth(p, victim, l.busy, bytes) > 0
}

// asked notes what asking about a layer's next visit took.
func (l *ledger) asked(layer int, took time.Duration) { l.accounts[layer].cost += took.Seconds() }

// outcome is what became of a layer's visit.
type outcome struct {
	missed int   // wanted, and not even begun to be read
	useful int   // wanted, and read ahead
	wrong  int   // read ahead, and not wanted
	bytes  int64 // of one expert

	saved time.Duration // by which the useful ones came earlier
}

// visit takes in what became of a visit of a layer by one token.
func (l *ledger) visit(layer int, o outcome) {
	a := &l.accounts[layer]
	a.need += needPace * (float64(o.missed+o.useful) - a.need)
	if a.rest > 0 {
		a.rest--
		if a.need > wakeFactor*a.least+wakeNeed { // another text, or less memory
			a.rest = 0
		}
		return
	}
	if a.cost == 0 { // nobody was asked
		return
	}
	read := l.flash.Seconds(o.bytes)
	net := min(o.saved.Seconds(), float64(o.useful)*read) - float64(o.wrong)*read*l.busy - a.cost
	a.cost = 0
	a.net += max(netPace, 1/float64(a.asked+1)) * (net - a.net)
	a.asked++
	switch {
	case a.asked < enoughVisits:
	case a.net < 0:
		a.rest, a.least, a.asked, a.net = a.pause, a.need, 0, 0
		a.pause = min(2*a.pause, longestPause)
	case a.asked > 4*a.pause: // it has paid for long
		a.pause = firstPause
	}
}

// pass is what one token's way through all layers took.
type pass struct {
	took   time.Duration // from the first demand to the last expert
	wanted time.Duration // of it, with a read under way that was wanted then
	stall  time.Duration // of it, waiting
	asking time.Duration // of it, guessing
	need   int           // experts that had to be read
	bytes  int64         // theirs
	tokens int           // of its batch
}

// measure takes in how many bytes came in how long a time with a read under way:
// busy adds the times of all disks up, and together is that with any of them.
func (l *ledger) measure(bytes int64, busy, together time.Duration) {
	if busy <= time.Millisecond || together <= 0 {
		return
	}
	l.flash = cost.Flash{
		Stream: l.flash.Stream + passPace*(float64(bytes)/busy.Seconds()-l.flash.Stream),
		Rate:   l.flash.Rate + passPace*(float64(bytes)/together.Seconds()-l.flash.Rate),
	}
}

// turn takes in a pass.
func (l *ledger) turn(p pass) {
	l.spent = 0
	l.need += passPace * (float64(p.bytes) - l.need)
	if p.took > 0 {
		l.busy += passPace * (min(1, p.wanted.Seconds()/p.took.Seconds()) - l.busy)
	}
	l.trial.turn(p)
}
