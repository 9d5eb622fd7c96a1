package budget

import (
	"fmt"
	"strings"
	"sync"
)

// Part is what memory is used for.
type Part int

const (
	Dense   Part = iota // weights that every token uses
	Experts             // the cache of experts, which gives way to the others
	KV                  // keys and values of all sessions
	Scratch             // buffers of the forward pass and of reads
	Heap                // the Go heap and runtime, as planned
	parts
)

func (p Part) String() string {
	return [parts]string{"dense weights", "experts", "KV cache", "scratch", "heap"}[p]
}

// Usage is a picture of an Account at one moment, in bytes.
type Usage struct {
	Total int64 // the budget
	Parts [parts]int64
}

// Used is the sum of the parts.
func (u Usage) Used() int64 {
	n := int64(0)
	for _, b := range u.Parts {
		n += b
	}
	return n
}

// Room is what is left; negative where the budget was lowered below what is
// used.
func (u Usage) Room() int64 { return u.Total - u.Used() }

// Full is the error of what was not admitted.
type Full struct {
	Part  Part
	Bytes int64 // asked for
	Usage       // as it was when refused
}

func (e *Full) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s cannot have %s more inside the memory budget of %s, which holds", e.Part, text(e.Bytes), text(e.Total))
	sep := " "
	for p, n := range e.Parts {
		if n > 0 {
			fmt.Fprintf(&b, "%s%s %s", sep, Part(p), text(n))
			sep = ", "
		}
	}
	if sep == " " {
		b.WriteString(" nothing else")
	}
	b.WriteString(": use a shorter context, end other sessions, or raise --memory")
	return b.String()
}

// Account is the running ledger of a budget. Memory is admitted before it is
// taken and released after it is given back, so that what is used is never
// above the budget, but for one that was lowered. It counts only what it is
// told; Resident says what the kernel counts.
//
// All methods may be called by many goroutines.
//
// Locks: mu guards the numbers and is never held across a call of others.
// asking is held while the owner of the experts is asked to give way, so that
// there is one such call at a time; mu is taken inside it, never the other way
// round.
type Account struct {
	asking  sync.Mutex
	mu      sync.Mutex
	usage   Usage
	giveWay func(bytes int64) (freed int64)
	least   int64 // that experts keep
}

// NewAccount makes an empty ledger of a budget in bytes.
func NewAccount(total int64) *Account {
	return &Account{usage: Usage{Total: max(total, 0)}}
}

// OnShort sets who owns the experts part and is asked to free bytes of it when
// another part wants to grow or the budget shrinks; what would take experts
// below least is not asked for. The function gives memory back to the system
// and says how much, 0 if it cannot; the Account then takes that off Experts
// itself, so the function must not Release it. It may take its time and may
// call Usage and Release of other parts, but not Admit, Resize or OnShort,
// which wait for it. A nil function ends it; when OnShort returns no call of
// the former one runs.
func (a *Account) OnShort(least int64, giveWay func(bytes int64) (freed int64)) {
	a.asking.Lock()
	defer a.asking.Unlock()
	a.least, a.giveWay = least, giveWay
}

// Admit adds bytes to a part, all of them or, with a *Full, none. For parts
// other than Experts it asks the experts to give way, and waits for that.
func (a *Account) Admit(p Part, bytes int64) error {
	mustBeCount(bytes)
	if a.take(p, bytes) {
		return nil
	}
	if p != Experts {
		a.asking.Lock()
		defer a.asking.Unlock()
		for a.askFor(bytes) {
			if a.take(p, bytes) {
				return nil
			}
		}
	}
	// Others may have released meanwhile.
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.usage.Room() >= bytes {
		a.usage.Parts[p] += bytes
		return nil
	}
	return &Full{Part: p, Bytes: bytes, Usage: a.usage}
}

// AdmitUpTo adds to a part as much as there is room for, at most most, and
// returns how much that is. Nobody is asked to give way: it is how experts grow
// back.
func (a *Account) AdmitUpTo(p Part, most int64) int64 {
	mustBeCount(most)
	a.mu.Lock()
	defer a.mu.Unlock()
	n := max(min(most, a.usage.Room()), 0)
	a.usage.Parts[p] += n
	return n
}

// take admits without asking.
func (a *Account) take(p Part, bytes int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.usage.Room() < bytes {
		return false
	}
	a.usage.Parts[p] += bytes
	return true
}

// askFor has the experts give way for bytes, once. It reports whether it is
// worth another try. The caller holds asking.
func (a *Account) askFor(bytes int64) bool {
	u := a.Usage()
	var short int64
	if room := u.Room(); room < 0 {
		short = sum(bytes, -room)
	} else {
		short = bytes - room
	}
	switch {
	case short <= 0:
		return true
	case short > u.Parts[Experts]-a.least:
		return false // no expert is thrown out for what would not fit all the same
	}
	return a.ask(short) > 0
}

// ask has the experts give way by short bytes and books what they freed. The
// caller holds asking.
func (a *Account) ask(short int64) (freed int64) {
	if a.giveWay == nil {
		return 0
	}
	freed = max(a.giveWay(short), 0)
	a.Release(Experts, freed)
	return freed
}

// Release takes bytes off a part. To release more than was admitted is a fault
// of ours and panics.
func (a *Account) Release(p Part, bytes int64) {
	mustBeCount(bytes)
	a.mu.Lock()
	defer a.mu.Unlock()
	if bytes > a.usage.Parts[p] {
		panic(fmt.Sprintf("budget: release of %d bytes of %s, which has %d", bytes, p, a.usage.Parts[p]))
	}
	a.usage.Parts[p] -= bytes
}

// Resize sets the budget and has the experts give way where it is lower than
// what is used. It returns by how much the use is above it after that, as Over
// does; the caller must then end sessions or live with it.
func (a *Account) Resize(total int64) (over int64) {
	a.asking.Lock()
	defer a.asking.Unlock()
	a.mu.Lock()
	a.usage.Total = max(total, 0)
	a.mu.Unlock()
	for {
		u := a.Usage()
		over = max(-u.Room(), 0)
		give := min(over, u.Parts[Experts]-a.least)
		if give <= 0 || a.ask(give) == 0 {
			return over
		}
	}
}

// Over is how many bytes more are used than the budget has.
func (a *Account) Over() int64 { return max(-a.Usage().Room(), 0) }

// Usage is the account as it is now.
func (a *Account) Usage() Usage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.usage
}

func mustBeCount(bytes int64) {
	if bytes < 0 {
		panic(fmt.Sprintf("budget: %d bytes", bytes))
	}
}
