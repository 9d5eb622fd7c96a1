package flashtest

import (
	"encoding/binary"
	"os"
	"testing"

	"moed/flashio"
)

// Memory is a source that reads from a slice.
type Memory []byte

// ReadVec copies.
func (m Memory) ReadVec(bufs [][]byte, off int64) (n int, err error) {
	for _, b := range bufs {
		if at := off + int64(n); at < int64(len(m)) {
			n += copy(b, m[at:])
		}
	}
	return n, nil
}

// Check returns nil: memory is what it was.
func (m Memory) Check() error { return nil }

// Close does nothing.
func (m Memory) Close() error { return nil }

// Contents returns n bytes that differ from place to place, so that a read from
// a wrong one shows: each 8 bytes hold a hash of where they lie.
func Contents(n int) []byte {
	b := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		x := uint64(i)*0x9e3779b97f4a7c15 + 1
		x ^= x >> 29
		binary.LittleEndian.PutUint64(b[i:], x*0xbf58476d1ce4e5b9)
	}
	return b[:n]
}

// File writes Contents(n) to a file that goes with the test.
func File(t testing.TB, n int) (path string, contents []byte) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "flash-*")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	contents = Contents(n)
	if _, err := f.Write(contents); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil { // direct reads see what is on the device
		t.Fatal(err)
	}
	return f.Name(), contents
}

// Arena makes an arena that goes with the test.
func Arena(t testing.TB, size int64) *flashio.Arena {
	t.Helper()
	a, err := flashio.NewArena(size, flashio.ArenaOptions{SmallPages: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Read submits q and waits until it has ended.
func Read(r *flashio.Reader, q *flashio.Request) error {
	done := make(chan error, 1)
	q.Done = func(_ *flashio.Request, err error) { done <- err }
	r.Submit(q)
	return <-done
}
