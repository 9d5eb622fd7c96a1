//go:build !linux && !darwin && !windows

package budget

func askSystem(int64) (Level, bool) { return Level{}, false }
