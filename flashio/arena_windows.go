package flashio

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

func mapAnonymous(n int) ([]byte, error) {
	address, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, err
	}
	// The address is none of the Go heap's; taking it from where it is stored
	// tells vet that no arithmetic was done on it.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), n), nil
}

func unmap(b []byte) error {
	return windows.VirtualFree(addressOf(b), 0, windows.MEM_RELEASE)
}

// adviseArena has nothing to say: large pages need a privilege here.
func adviseArena([]byte, bool) {}

func lockArena(b []byte) error {
	return windows.VirtualLock(addressOf(b), uintptr(len(b)))
}

// discard decommits the pages and commits new ones, which are zero.
func discard(b []byte, _ bool) error {
	address := addressOf(b)
	if err := windows.VirtualFree(address, uintptr(len(b)), windows.MEM_DECOMMIT); err != nil {
		return err
	}
	_, err := windows.VirtualAlloc(address, uintptr(len(b)), windows.MEM_COMMIT, windows.PAGE_READWRITE)
	return err
}
