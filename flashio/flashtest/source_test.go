package flashtest_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"moed/flashio/flashtest"
)

// TestRules: each fault does what its name says, to the reads that its rule
// picks and to no others.
func TestRules(t *testing.T) {
	contents := flashtest.Contents(100)
	inverted := bytes.Clone(contents[:20])
	for i := 10; i < 20; i++ {
		inverted[i] = ^inverted[i]
	}
	whole := contents[:20]
	type result struct {
		bytes []byte
		err   error
	}
	good := result{whole, nil}
	for _, c := range []struct {
		name string
		rule flashtest.Rule
		want []result // of reads of 20 bytes at 0
	}{
		{"eio", flashtest.Rule{Fault: flashtest.EIO}, []result{{nil, syscall.EIO}, {nil, syscall.EIO}}},
		{"eagain once", flashtest.Rule{Fault: flashtest.EAGAIN, Count: 1}, []result{{nil, syscall.EAGAIN}, good}},
		{"short, the second", flashtest.Rule{Fault: flashtest.Short, After: 1, Count: 1}, []result{good, {whole[:10], nil}, good}},
		{"nothing", flashtest.Rule{Fault: flashtest.Nothing}, []result{{nil, nil}}},
		{"torn", flashtest.Rule{Fault: flashtest.Torn, Count: 2}, []result{{inverted, nil}, {inverted, nil}, good}},
		{"slow", flashtest.Rule{Fault: flashtest.Slow, Delay: 1}, []result{good}},
		{"elsewhere", flashtest.Rule{Fault: flashtest.EIO, From: 20}, []result{good}},
		{"up to here", flashtest.Rule{Fault: flashtest.EIO, From: 0, To: 1}, []result{{nil, syscall.EIO}}},
		{"the last byte", flashtest.Rule{Fault: flashtest.EIO, From: 19, To: 20}, []result{{nil, syscall.EIO}}},
	} {
		s := flashtest.NewSource(flashtest.Memory(contents), c.rule)
		for i, want := range c.want {
			a, b := make([]byte, 7), make([]byte, 13) // a read into two buffers
			n, err := s.ReadVec([][]byte{a, b}, 0)
			if got := append(a, b...)[:n]; !bytes.Equal(got, want.bytes) || !errors.Is(err, want.err) {
				t.Errorf("%s: read %d brings %d bytes %x and %v, want %x and %v", c.name, i, n, got, err, want.bytes, want.err)
			}
		}
		if s.Reads() != len(c.want) {
			t.Errorf("%s: %d reads counted, want %d", c.name, s.Reads(), len(c.want))
		}
	}
}

// TestHeld: a read that is held comes after Release, and later ones at once.
func TestHeld(t *testing.T) {
	s := flashtest.NewSource(flashtest.Memory(flashtest.Contents(10)), flashtest.Rule{Fault: flashtest.Held})
	done := make(chan int)
	read := func() {
		n, _ := s.ReadVec([][]byte{make([]byte, 10)}, 0)
		done <- n
	}
	go read() // ends after Release
	s.AwaitHeld(1)
	select {
	case <-done:
		t.Fatal("it was not held")
	default:
	}
	s.Release()
	s.Release()
	if n := <-done; n != 10 {
		t.Errorf("%d bytes", n)
	}
	go read() // ends at once
	<-done
}
