package budget

import (
	"io/fs"
	"iter"
	"os"
	"strings"
)

// Holding is what a process has in RAM, in bytes.
type Holding struct {
	Resident  int64 // all of it
	Anonymous int64 // heap, stacks and arenas: what only swap can take back
	File      int64 // pages of mapped files, which the kernel can drop
	Shared    int64 // shared memory and tmpfs
	Peak      int64 // the most that was ever resident
	Address   int64 // address space, taken up or not
	Data      int64 // of it, private and writable
}

// Resident is what this process holds now, by the kernel's count. All is zero
// where there is no /proc.
func Resident() Holding { return resident(os.DirFS("/")) }

func resident(root fs.FS) Holding {
	status := fields(root, "proc/self/status")
	return Holding{
		Resident:  kilobytes(status["VmRSS:"]),
		Anonymous: kilobytes(status["RssAnon:"]),
		File:      kilobytes(status["RssFile:"]),
		Shared:    kilobytes(status["RssShmem:"]),
		Peak:      kilobytes(status["VmHWM:"]),
		Address:   kilobytes(status["VmSize:"]),
		Data:      kilobytes(status["VmData:"]),
	}
}

// meminfo is the level of the machine, or what a container passes off as it.
// Kernels before 3.14 do not say what is available; what is free is less.
func meminfo(root fs.FS, held int64) (Level, bool) {
	info := fields(root, "proc/meminfo")
	total := kilobytes(info["MemTotal:"])
	available, ok := info["MemAvailable:"]
	if !ok {
		available = info["MemFree:"]
	}
	return machineLevel(total, kilobytes(available), held), total > 0
}

// machineLevel is that of a machine with so many bytes, where processes that
// are not there yet could have available of them.
func machineLevel(total, available, held int64) Level {
	return Level{Kind: Machine, Name: "this machine", Limit: total, Others: max(total-available-held, 0)}
}

// rlimits are the soft resource limits that memory counts against. What counts
// and is not held (reservations, mapped files) is Others, though it is ours.
func rlimits(root fs.FS, held int64) []Level {
	now := resident(root)
	var found []Level
	for line := range lines(root, "proc/self/limits") {
		for _, r := range []struct {
			name, people string
			used         int64
		}{
			{"Max address space", "limit of address space (ulimit -v)", now.Address},
			{"Max data size", "limit of data (ulimit -d)", now.Data},
		} {
			rest, ok := strings.CutPrefix(line, r.name)
			soft := strings.Fields(rest)
			if !ok || len(soft) == 0 {
				continue
			}
			if limit, ok := count(soft[0]); ok {
				found = append(found, Level{Kind: Process, Name: r.people, Limit: limit, Others: max(r.used-held, 0)})
			}
		}
	}
	return found
}

// lines yields the lines of a file; none where it cannot be read.
func lines(root fs.FS, name string) iter.Seq[string] {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(strings.TrimSuffix(string(data), "\n"), "\n")
}

// fields reads lines of a name and a value; what follows the value is left out.
func fields(root fs.FS, name string) map[string]string {
	found := map[string]string{}
	for line := range lines(root, name) {
		if f := strings.Fields(line); len(f) >= 2 {
			found[f[0]] = f[1]
		}
	}
	return found
}

// kilobytes gives a number of KiB in bytes, and what is none as 0.
func kilobytes(s string) int64 {
	n, ok := count(s)
	if !ok || n >= unlimited>>10 {
		return 0
	}
	return n << 10
}
