package flashio_test

import (
	"testing"
	"unsafe"

	"moed/flashio"
)

func TestArena(t *testing.T) {
	for _, o := range []flashio.ArenaOptions{{}, {SmallPages: true}, {Lock: true}} {
		a, err := flashio.NewArena(5<<20, o)
		if err != nil {
			t.Fatal(err)
		}
		if a.Size() != 6<<20 {
			t.Errorf("size %d, want it rounded up to huge pages", a.Size())
		}
		all := a.Bytes(0, a.Size())
		if at := uintptr(unsafe.Pointer(&all[0])); at%(2<<20) != 0 {
			t.Errorf("it begins at %#x, want 2 MiB aligned", at)
		}
		for i := range all {
			if all[i] != 0 {
				t.Fatalf("byte %d of a new arena is %d", i, all[i])
			}
			all[i] = byte(i>>12) | 1
		}
		b := a.Buffer(3<<20, 8192)
		if b.Len() != 8192 || &b.Bytes()[0] != &all[3<<20] || cap(b.Bytes()) != 8192 {
			t.Errorf("buffer of %d bytes, capacity %d", b.Len(), cap(b.Bytes()))
		}
		const from, to = 1<<20 + 4096, 4<<20 + 8192
		if err := a.Discard(from, to-from); err != nil {
			t.Fatal(err)
		}
		for i := range all {
			want := byte(i>>12) | 1
			if from <= i && i < to {
				want = 0
			}
			if all[i] != want {
				t.Fatalf("%+v: byte %d is %d after a discard, want %d", o, i, all[i], want)
			}
		}
		if o.Lock && a.LockError() != nil {
			t.Logf("not locked: %v", a.LockError())
		}
		for range 2 {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, size := range []int64{0, -1, 1 << 50} {
		if a, err := flashio.NewArena(size, flashio.ArenaOptions{}); err == nil {
			a.Close()
			t.Errorf("an arena of %d bytes was made", size)
		}
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		off, n, start, length int64
		skip                  int
	}{
		{0, 1, 0, 4096, 0},
		{0, 4096, 0, 4096, 0},
		{1, 4096, 0, 8192, 1},
		{4095, 2, 0, 8192, 4095},
		{8192, 4097, 8192, 8192, 0},
		{1 << 40, 10, 1 << 40, 4096, 0},
	} {
		start, length, skip := flashio.Window(c.off, c.n)
		if start != c.start || length != c.length || skip != c.skip {
			t.Errorf("Window(%d, %d) = %d, %d, %d, want %d, %d, %d", c.off, c.n, start, length, skip, c.start, c.length, c.skip)
		}
	}
}
