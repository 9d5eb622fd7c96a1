package budget

import "golang.org/x/sys/unix"

// askSystem is for sandboxes without /proc/meminfo. Page cache is not told and
// counts as used.
func askSystem(held int64) (Level, bool) {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return Level{}, false
	}
	of := func(n uint64) int64 { return int64(n) * int64(info.Unit) }
	return machineLevel(of(uint64(info.Totalram)), of(uint64(info.Freeram)+uint64(info.Bufferram)), held), true
}
