package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"moed/moe/moetest"
)

// TestPackResumes cuts a packed file short everywhere that something ends and a
// byte to both sides, leaves it as the partial file, and wants the same file
// again, made of what was whole. Holes at the end, as a power cut can leave
// them, are found too.
func TestPackResumes(t *testing.T) {
	model := tinyModel(t, moetest.Spec{Experts: 3})
	p := newPacker(PackOptions{Model: model})
	r, whole := mustPack(t, p)
	var experts []int64
	for i := range p.plan.experts {
		experts = append(experts, p.plan.end(i))
	}
	resume := func(t *testing.T, window int64, part []byte) {
		want := int64(0)
		if int64(len(part)) > p.plan.begin {
			want = p.plan.begin
		}
		for _, end := range experts { // zeros may be what was there
			if end <= int64(len(part)) && bytes.Equal(part[:end], whole[:end]) {
				want = end
			}
		}
		os.Remove(r.Out)
		if err := os.WriteFile(r.Out+partialSuffix, part, 0o666); err != nil {
			t.Fatal(err)
		}
		q := newPacker(PackOptions{Model: model})
		q.target.window = window
		again, b := mustPack(t, q)
		if !bytes.Equal(b, whole) {
			t.Fatal("another file")
		}
		if again.Resumed != want {
			t.Fatalf("went on from %d, want %d", again.Resumed, want)
		}
	}
	for _, window := range []int64{packWindow, 1} {
		for _, end := range append([]int64{0, int64(len(p.plan.head)), p.plan.begin}, experts...) {
			for cut := max(0, end-1); cut <= min(end+1, r.Bytes); cut++ {
				for _, hole := range []int64{0, 1, 20000} {
					if hole > 0 && cut < p.plan.begin {
						continue // what is before the bundles is on the disk before they begin
					}
					part := append(bytes.Clone(whole[:cut]), make([]byte, min(hole, r.Bytes-cut))...)
					t.Run(fmt.Sprint(window, cut, hole), func(t *testing.T) { resume(t, window, part) })
				}
			}
		}
	}
}

// TestPackStartsAnew: the partial file of another model is of no use.
func TestPackStartsAnew(t *testing.T) {
	other := tinyModel(t, moetest.Spec{Seed: 1})
	_, b := mustPack(t, newPacker(PackOptions{Model: other}))
	model := tinyModel(t, moetest.Spec{})
	if err := os.WriteFile(PackedName(model)+partialSuffix, b[:len(b)-1], 0o666); err != nil {
		t.Fatal(err)
	}
	r, _ := mustPack(t, newPacker(PackOptions{Model: model, Verify: true}))
	if r.Resumed != 0 {
		t.Errorf("went on from byte %d of another model's", r.Resumed)
	}
}

// TestPackStops ends a pack after each of its writes, by a cancelled context and
// by errors of the disk, and looks at what is left.
func TestPackStops(t *testing.T) {
	model := tinyModel(t, moetest.Spec{Experts: 2})
	_, whole := mustPack(t, newPacker(PackOptions{Model: model}))
	out := PackedName(model)
	os.Remove(out)
	cancelled := errors.New("by the test")
	for _, c := range []struct {
		name string
		err  error
		want error
		keep bool
	}{
		{"interrupt", cancelled, context.Canceled, true},
		{"disk full", syscall.ENOSPC, syscall.ENOSPC, false},
		{"disk broken", syscall.EIO, syscall.EIO, true},
	} {
		if c.err == syscall.ENOSPC && !diskFull(c.err) {
			continue // another system's word for it
		}
		t.Run(c.name, func(t *testing.T) {
			for after, done := 0, false; !done; after++ {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p, writes := newPacker(PackOptions{Model: model}), 0
				p.target.writeAt = func(f *os.File, b []byte, off int64) (int, error) {
					writes++
					switch {
					case writes <= after:
					case c.err == cancelled:
						cancel()
					default:
						n, _ := f.WriteAt(b[:len(b)/2], off)
						return n, &os.PathError{Op: "write", Path: f.Name(), Err: c.err}
					}
					return f.WriteAt(b, off)
				}
				_, err := p.run(ctx)
				if done = writes <= after; done {
					if err != nil {
						t.Fatal(err)
					}
					os.Remove(out)
					break
				}
				if !errors.Is(err, c.want) {
					t.Fatalf("after %d writes: error %v, want %v", after, err, c.want)
				}
				gone(t, out)
				if !c.keep {
					gone(t, out+partialSuffix)
					continue
				}
				if !strings.Contains(err.Error(), out+partialSuffix) {
					t.Errorf("after %d writes: %v does not name what is left", after, err)
				}
				if _, b := mustPack(t, newPacker(PackOptions{Model: model})); !bytes.Equal(b, whole) {
					t.Fatalf("after %d writes and another run: another file", after)
				}
				os.Remove(out)
			}
		})
	}
}
