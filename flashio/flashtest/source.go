package flashtest

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"moed/flashio"
)

// A Fault is what a Rule does to a read.
type Fault uint8

const (
	EIO     Fault = iota + 1 // fails with the error of a bad device
	EAGAIN                   // fails with an error that promises a better next time
	Short                    // half of it comes, without an error
	Nothing                  // nothing comes, as behind the end of the file
	Torn                     // what comes is wrong: each byte from the middle on is inverted
	Slow                     // comes after Rule.Delay
	Held                     // comes after Source.Release
)

var faultNames = map[Fault]string{EIO: "eio", EAGAIN: "eagain", Short: "short", Nothing: "nothing", Torn: "torn", Slow: "slow", Held: "held"}

func (f Fault) String() string { return faultNames[f] }

// A Rule spoils those reads that touch [From, To), but for the first After of
// them, and Count of them at most.
type Rule struct {
	Fault    Fault
	From, To int64 // To 0 is the end of the file
	After    int
	Count    int // 0 is all
	Delay    time.Duration
}

// matches reports whether a read of n bytes at off touches the rule's range.
func (r *Rule) matches(off, n int64) bool {
	return off+n > r.From && (r.To == 0 || off < r.To)
}

// Source spoils the reads of another by rules. Every rule that matches acts,
// in order; one that fails a read ends it. It is safe for concurrent use.
type Source struct {
	under flashio.Source

	mu      sync.Mutex
	rules   []Rule
	seen    []int // reads that each rule matched
	release chan struct{}
	reads   int
	waiting int
	waits   sync.Cond
}

// NewSource puts rules before under.
func NewSource(under flashio.Source, rules ...Rule) *Source {
	s := &Source{under: under, release: make(chan struct{})}
	s.waits.L = &s.mu
	s.SetRules(rules...)
	return s
}

// Open opens a file with a Source below the reader.
func Open(path string, o flashio.Options, rules ...Rule) (*flashio.Reader, *Source, error) {
	under, info, err := flashio.OpenSource(path, o.Backend)
	if err != nil {
		return nil, nil, err
	}
	o.Backend = info.Backend
	s := NewSource(under, rules...)
	return flashio.NewReader(s, path, info.Size, o), s, nil
}

// SetRules replaces the rules, and counts from the beginning.
func (s *Source) SetRules(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append([]Rule(nil), rules...)
	s.seen = make([]int, len(rules))
}

// Reads returns how many reads have come, second attempts included.
func (s *Source) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// AwaitHeld returns when n reads are held.
func (s *Source) AwaitHeld(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.waiting < n {
		s.waits.Wait()
	}
}

// Release lets all reads go that are held, and holds no more.
func (s *Source) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.release:
	default:
		close(s.release)
	}
}

// ReadVec reads from the source below and spoils what comes.
func (s *Source) ReadVec(bufs [][]byte, off int64) (int, error) {
	var want int64
	for _, b := range bufs {
		want += int64(len(b))
	}
	short, torn := false, false
	for _, r := range s.acting(off, want) {
		switch r.Fault {
		case EIO:
			return 0, syscall.EIO
		case EAGAIN:
			return 0, syscall.EAGAIN
		case Nothing:
			return 0, nil
		case Short:
			short = true
		case Torn:
			torn = true
		case Slow:
			time.Sleep(r.Delay)
		case Held:
			s.hold()
		default:
			panic(fmt.Sprintf("flashtest: no fault %d", r.Fault))
		}
	}
	n, err := s.under.ReadVec(bufs, off)
	if torn {
		invert(bufs, n/2, n)
	}
	if short {
		n /= 2
	}
	return n, err
}

// acting counts a read and returns the rules that act on it.
func (s *Source) acting(off, n int64) (acting []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	for i := range s.rules {
		r := &s.rules[i]
		if !r.matches(off, n) {
			continue
		}
		if s.seen[i]++; s.seen[i] > r.After && (r.Count == 0 || s.seen[i] <= r.After+r.Count) {
			acting = append(acting, *r)
		}
	}
	return acting
}

func (s *Source) hold() {
	s.mu.Lock()
	s.waiting++
	s.waits.Broadcast()
	s.mu.Unlock()
	<-s.release
	s.mu.Lock()
	s.waiting--
	s.mu.Unlock()
}

// invert spoils the bytes from..to of what bufs hold together.
func invert(bufs [][]byte, from, to int) {
	for _, b := range bufs {
		for i := max(from, 0); i < min(to, len(b)); i++ {
			b[i] = ^b[i]
		}
		from, to = from-len(b), to-len(b)
	}
}

// Check asks the source below.
func (s *Source) Check() error { return s.under.Check() }

// Close closes the source below. Reads that are held must have been released.
func (s *Source) Close() error { return s.under.Close() }
