package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moed/daemon/api"
)

// pressure is how short of memory the system is, or the control group that the
// process is in where it says: of the file tree at root.
func pressure(root string) api.Pressure {
	if text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup")); err == nil {
		for line := range strings.Lines(string(text)) {
			if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				if p := readPressure(filepath.Join(root, "sys/fs/cgroup", group, "memory.pressure")); p.Known {
					return p
				}
			}
		}
	}
	return readPressure(filepath.Join(root, "proc/pressure/memory"))
}

// readPressure reads lines such as "some avg10=0.00 avg60=0.00 avg300=0.00 total=0".
func readPressure(path string) (p api.Pressure) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p
	}
	for line := range strings.Lines(string(text)) {
		var who string
		var avg float64
		if _, err := fmt.Sscanf(line, "%s avg10=%f", &who, &avg); err != nil {
			continue
		}
		switch who {
		case "some":
			p.Some, p.Known = avg, true
		case "full":
			p.Full = avg
		}
	}
	return p
}
