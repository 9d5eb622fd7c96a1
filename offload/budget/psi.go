package budget

import (
	"io/fs"
	"strconv"
	"strings"
)

// Reading is one look at the signs of memory running short.
type Reading struct {
	// Some and Full are the shares of the last ten seconds, in percent, in which
	// at least one task, or all of them at once, waited for memory.
	Some, Full float64
	// Fired is set when the kernel said so before the look was due.
	Fired bool
	// Hits counts how often our control groups ran into their limits since they
	// were made. Page cache alone makes a group do that all the time, so it says
	// something only where they are Tight too.
	Hits uint64
	// Kills counts what was killed, or failed, for memory in our control groups.
	Kills uint64
	// Tight is set when what cannot be dropped comes close to a group's limit.
	Tight bool
	// Scarce is set when little memory of the machine is left, where there is no
	// stall information that would say what comes of it.
	Scarce bool
}

const (
	tightShare  = 0.95 // of a control group's limit, in use
	scarceShare = 0.05 // of the machine's memory, left
	ampleShare  = 0.20 // of it, left: stalls of the machine are not for want of it

	machinePSI = "proc/pressure/memory"
)

// signs is where Readings come from.
type signs struct {
	groups []group
	psi    string // file of stall information, or ""
	ours   bool   // it is of our own control group, not of the machine
}

// findSigns looks for them; it is false where nothing is to go by.
func findSigns(root fs.FS) (signs, bool) {
	s := signs{groups: groups(root)}
	_, counted := meminfo(root, 0)
	for _, g := range s.groups {
		// Only the root of all groups lacks cgroup.events; its stalls are the
		// machine's.
		if g.own && !g.v1 && exists(root, g.file("cgroup.events")) && exists(root, g.file("memory.pressure")) {
			s.psi, s.ours = g.file("memory.pressure"), true
		}
		counted = counted || exists(root, g.file("memory.events")) || exists(root, g.file("memory.failcnt"))
	}
	if s.psi == "" && exists(root, machinePSI) {
		s.psi = machinePSI
	}
	return s, s.psi != "" || counted
}

// read takes one look; fired is what the kernel said. Files that have gone read
// as no sign.
func (s signs) read(root fs.FS, fired bool) Reading {
	r := Reading{Fired: fired}
	if s.psi != "" {
		r.Some, r.Full = stalls(root, s.psi)
	}
	if machine, ok := meminfo(root, 0); ok {
		left := float64(machine.Room()) / float64(machine.Limit)
		r.Scarce = s.psi == "" && left < scarceShare
		// Where another container fights its own limit, the machine counts as
		// stalled too, and nothing that we give back would help.
		if !s.ours && left > ampleShare {
			r.Some, r.Full, r.Fired = 0, 0, false
		}
	}
	for _, g := range s.groups {
		hits, kills := g.events(root)
		r.Kills += kills
		if !s.ours { // stalls of our own group say more than that
			r.Hits += hits
		}
		if limit, ok := g.limit(root); ok && float64(g.use(root)) > tightShare*float64(limit) {
			r.Tight = true
		}
	}
	return r
}

// events counts how often the group's limit was run into, and what was killed
// for it. Groups above count only what their own limits did: what goes on in
// another group below them is not our affair.
func (g group) events(root fs.FS) (hits, kills uint64) {
	if g.v1 {
		n, _ := number(root, g.file("memory.failcnt"))
		if g.own {
			kills = tally(fields(root, g.file("memory.oom_control"))["oom_kill"])
		}
		return uint64(n), kills
	}
	events := fields(root, g.file("memory.events.local"))
	if len(events) == 0 && g.own { // before Linux 5.2
		events = fields(root, g.file("memory.events"))
	}
	return tally(events["high"]) + tally(events["max"]), tally(events["oom"]) + tally(events["oom_kill"])
}

// tally reads a count of events, 0 where there is none.
func tally(s string) uint64 {
	n, _ := count(s)
	return uint64(n)
}

// stalls reads the ten-second averages of a file like
//
//	some avg10=0.12 avg60=0.00 avg300=0.00 total=36402493
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=31955541
func stalls(root fs.FS, name string) (some, full float64) {
	of := fields(root, name)
	return percent(of["some"]), percent(of["full"])
}

func percent(s string) float64 {
	v, err := strconv.ParseFloat(strings.TrimPrefix(s, "avg10="), 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return 0
	}
	return v
}

func exists(root fs.FS, name string) bool {
	_, err := fs.ReadFile(root, name)
	return err == nil
}
