package flashio

import (
	"fmt"
	"unsafe"
)

// Alignment is that of every Buffer, in memory and in length, and of every
// offset that is read from. A device may want less; one that wants more is not
// read directly.
const Alignment = 4096

// hugePage is what an Arena is aligned to, so that the kernel can back all of
// it with huge pages.
const hugePage = 2 << 20

// ArenaOptions has a zero value that suits: huge pages where the kernel has
// them, nothing locked.
type ArenaOptions struct {
	// SmallPages asks for no huge pages. A device takes so many pieces of memory
	// for one read: into huge pages it reads twice as fast where that binds
	// (measured in testdata/bench/flash.csv).
	SmallPages bool
	Lock       bool // keep out of swap; where it is not permitted, LockError tells
}

// An Arena is one region of anonymous memory outside the Go heap. It reads as
// zero where nothing was written. Core dumps leave it out. It costs no memory
// until it is touched. Its methods other than Close are safe for concurrent
// use; who may touch which bytes is the owner's business.
type Arena struct {
	mapping []byte // as it came
	data    []byte // the aligned part
	lockErr error
	locked  bool
}

// NewArena makes an Arena of size bytes or a little more, up to 2 MiB.
func NewArena(size int64, o ArenaOptions) (*Arena, error) {
	const most = 1 << 46
	if size <= 0 || size > most {
		return nil, fmt.Errorf("arena of %d bytes: want 1 to %d", size, int64(most))
	}
	size = alignUp(size, hugePage)
	mapping, err := mapAnonymous(int(size) + hugePage)
	if err != nil {
		return nil, fmt.Errorf("arena of %d bytes: %w", size, err)
	}
	skip := int(-addressOf(mapping) & (hugePage - 1))
	a := &Arena{mapping: mapping, data: mapping[skip : skip+int(size) : skip+int(size)]}
	adviseArena(a.data, !o.SmallPages)
	if o.Lock {
		a.lockErr = lockArena(a.data)
		a.locked = a.lockErr == nil
	}
	return a, nil
}

// Size returns the number of bytes.
func (a *Arena) Size() int64 { return int64(len(a.data)) }

// LockError tells why the memory is not locked though that was asked for.
func (a *Arena) LockError() error { return a.lockErr }

// Bytes returns the n bytes from off on.
func (a *Arena) Bytes(off, n int64) []byte { return a.data[off : off+n : off+n] }

// Buffer returns the n bytes from off on as something to read into. It panics
// where off or n is no multiple of Alignment.
func (a *Arena) Buffer(off, n int64) Buffer {
	if off%Alignment != 0 || n%Alignment != 0 {
		panic(fmt.Sprintf("flashio: buffer at %d of %d bytes is not aligned to %d", off, n, Alignment))
	}
	return Buffer{a.Bytes(off, n)}
}

// Discard gives the memory of n bytes from off on back to the system; they read
// as zero afterwards, and cost memory again when touched. Both must be
// multiples of Alignment, and no read into them may be under way. A huge page
// of which a part is discarded becomes small ones; discard it whole to keep
// reads into it fast.
func (a *Arena) Discard(off, n int64) error {
	if err := discard(a.Buffer(off, n).data, a.locked); err != nil {
		return fmt.Errorf("discard %d bytes of an arena: %w", n, err)
	}
	return nil
}

// Close gives all the memory back. No slice or Buffer of it may be touched, and
// no read into it be under way, from then on. A second Close does nothing.
func (a *Arena) Close() error {
	if a.mapping == nil {
		return nil
	}
	mapping := a.mapping
	a.mapping, a.data = nil, nil
	return unmap(mapping)
}

// A Buffer is aligned memory of an Arena. Only a Buffer can be read into, so
// neither a misaligned address nor memory of the garbage collector ever
// reaches a device.
type Buffer struct{ data []byte }

// Bytes returns the memory itself.
func (b Buffer) Bytes() []byte { return b.data }

// Len returns the number of bytes, a multiple of Alignment.
func (b Buffer) Len() int64 { return int64(len(b.data)) }

// Slice returns the n bytes of b from off on, both multiples of Alignment.
func (b Buffer) Slice(off, n int64) Buffer {
	if off%Alignment != 0 || n%Alignment != 0 {
		panic(fmt.Sprintf("flashio: part at %d of %d bytes of a buffer is not aligned to %d", off, n, Alignment))
	}
	return Buffer{b.data[off : off+n : off+n]}
}

// Window returns the aligned range around the n bytes at off: where it starts,
// its length, and how many bytes in it precede those at off.
func Window(off, n int64) (start, length int64, skip int) {
	start = off &^ (Alignment - 1)
	return start, alignUp(off+n, Alignment) - start, int(off - start)
}

// alignUp rounds n up to a multiple of to, a power of two.
func alignUp(n, to int64) int64 { return (n + to - 1) &^ (to - 1) }

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
