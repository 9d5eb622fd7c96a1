package daemon

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// look fills in what the kernel tells.
func (m *Machine) look() {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	if text, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled"); err == nil {
		// The file lists all choices and brackets the one that holds.
		if _, rest, ok := strings.Cut(string(text), "["); ok {
			m.HugePages, _, _ = strings.Cut(rest, "]")
		}
	} else {
		m.HugePages = "never"
	}
	var lock unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lock) == nil && int64(lock.Cur) >= 0 { // infinity is all ones
		m.Lockable = int64(lock.Cur)
	}
	m.IOUring = tryRing()
}

// tryRing asks for the smallest ring: kernels lack io_uring, and containers and
// administrators forbid it.
func tryRing() string {
	var params [120]byte // struct io_uring_params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return errno.Error()
	}
	unix.Close(int(fd))
	return "yes"
}
