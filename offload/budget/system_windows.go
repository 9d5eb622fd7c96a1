package budget

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// askSystem asks GlobalMemoryStatusEx.
func askSystem(held int64) (Level, bool) {
	var status struct { // MEMORYSTATUSEX
		length, load                                        uint32
		total, available, totalPage, freePage, space, empty uint64
		extended                                            uint64
	}
	status.length = uint32(unsafe.Sizeof(status))
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if call.Find() != nil {
		return Level{}, false
	}
	done, _, _ := call.Call(uintptr(unsafe.Pointer(&status)))
	return machineLevel(int64(status.total), int64(status.available), held), done != 0
}
