package budget

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Kind is what sets a limit.
type Kind int

const (
	Machine Kind = iota // the memory of the machine, shared with everything on it
	Whole               // the same, where what others use of it is not known
	Group               // a control group that the process is in, or one above that
	Process             // a limit of the process alone (setrlimit)
)

// Level is one limit that a process is under. Bytes all.
type Level struct {
	Kind   Kind
	Name   string // "control group /user.slice"
	Limit  int64
	Others int64 // used by others, and not to be had by dropping page cache
}

// Room is what is left of the limit for this process, what it holds already
// included; it may be zero.
func (l Level) Room() int64 { return max(l.Limit-l.Others, 0) }

// String says it for people: "this machine: 24.68 GB, of which others use 1.20 GB".
func (l Level) String() string {
	switch {
	case l.Others == 0:
		return l.Name + ": " + text(l.Limit)
	case l.Kind == Process:
		return fmt.Sprintf("%s: %s, of which %s are reserved", l.Name, text(l.Limit), text(l.Others))
	}
	return fmt.Sprintf("%s: %s, of which others use %s", l.Name, text(l.Limit), text(l.Others))
}

// Limits is what a process may use, found at one moment.
type Limits struct {
	Available int64   // bytes that this process may hold in all: the least Room
	Binding   string  // the level that has it, for people
	Held      int64   // bytes of Available that it holds already: anonymous and shared memory
	Levels    []Level // all that were found: control groups from the inmost on, then the others
}

// ErrNoLimits is returned where nothing tells how much memory there is.
var ErrNoLimits = errors.New("cannot find out how much memory there is: say how much to use with --memory SIZE")

// Discover finds what this process may use. root is the file system from its
// root; nil stands for the real one, for which the system is asked directly too
// where /proc has no answer. Files that are missing or make no sense are no
// error as long as one limit is found: they are hidden in many sandboxes.
//
// The limits are those of all control groups from the process's own to the
// root (memory.max and memory.high; memory.limit_in_bytes of version 1), what
// /proc/meminfo has as available, and the resource limits of address space and
// data.
//
// What counts as used by others at a control group is its use, less what this
// process holds, less the page cache on its lists of active and inactive files:
// the kernel drops that before it refuses memory. (Such cache may be dirty, or
// dear to a neighbour in the group; memory of tmpfs and locked pages is on
// neither list and counts as used.)
func Discover(root fs.FS) (Limits, error) {
	direct := root == nil
	if direct {
		root = os.DirFS("/")
	}
	held := resident(root)
	l := Limits{Held: held.Anonymous + held.Shared}
	for _, g := range groups(root) {
		l.Levels = append(l.Levels, g.levels(root, l.Held)...)
	}
	machine, ok := meminfo(root, l.Held)
	if !ok && direct {
		machine, ok = askSystem(l.Held)
	}
	if ok {
		l.Levels = append(l.Levels, machine)
	}
	l.Levels = append(l.Levels, rlimits(root, l.Held)...)
	if len(l.Levels) == 0 {
		return Limits{}, ErrNoLimits
	}
	tightest := l.Levels[0]
	for _, level := range l.Levels {
		if level.Room() < tightest.Room() {
			tightest = level
		}
	}
	l.Available, l.Binding = tightest.Room(), tightest.String()
	return l, nil
}

// Reserves, of a level's room.
const (
	machineShare, machineLeast = 0.10, 512e6
	wholeShare, wholeLeast     = 0.25, 2e9
	groupShare, groupLeast     = 0.03, 64e6
)

// reserve is what a process should leave of a level's room when nobody said how
// much it may use. The machine is shared: programs start and grow, and page
// cache keeps it quick. A control group or a process's own limit is for us
// alone; the reserve there is for page tables, stacks and the kernel's own
// objects, which count against the group and not in the budget.
func (l Level) reserve() int64 {
	room := float64(l.Room())
	switch l.Kind {
	case Machine:
		return int64(max(machineShare*room, machineLeast))
	case Whole:
		return int64(max(wholeShare*room, wholeLeast))
	}
	return int64(max(groupShare*room, groupLeast))
}

// Default is the budget where none was asked for: what the levels leave, each
// less its reserve. It is zero where they leave nothing.
func Default(l Limits) int64 {
	budget := l.Available
	for _, level := range l.Levels {
		budget = min(budget, level.Room()-level.reserve())
	}
	return max(budget, 0)
}
