package budget

import "golang.org/x/sys/unix"

func askSystem(int64) (Level, bool) {
	total, err := unix.SysctlUint64("hw.memsize")
	return Level{Kind: Whole, Name: "this machine", Limit: int64(total)}, err == nil
}
