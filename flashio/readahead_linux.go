package flashio

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// readAhead returns how much the kernel reads ahead on the device of f, or its
// usual 128 KiB where it does not tell.
func readAhead(f *os.File) int {
	const usual = 128 << 10
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return usual
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return usual
	}
	kib, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil || kib <= 0 || kib > 1<<20 {
		return usual
	}
	return int(alignUp(int64(kib)<<10, Alignment))
}
