//go:build !linux

package daemon

// peakRSS is known on Linux only.
func peakRSS() int64 { return 0 }
