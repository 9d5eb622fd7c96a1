package flashio

import (
	"fmt"
	"slices"
	"testing"
)

// TestTake compares how requests are cut into reads with what was worked out by
// hand. An entry of reads is "offset+length/pieces", in blocks of Alignment.
func TestTake(t *testing.T) {
	type part [3]int64 // offset, length of the buffer, bytes needed (0: all), in blocks
	for _, c := range []struct {
		name     string
		most     int64
		requests [][]part
		reads    []string
	}{
		{"one", 8, [][]part{{{3, 2, 0}}}, []string{"3+2/1"}},
		{"no more than is needed", 8, [][]part{{{3, 7, 2}}}, []string{"3+2/1"}},
		{"neighbours of one request", 8, [][]part{{{0, 2, 0}, {2, 3, 0}}}, []string{"0+5/2"}},
		{"neighbours of two requests", 8, [][]part{{{0, 2, 0}}, {{2, 3, 0}}}, []string{"0+5/2"}},
		{"neighbours in the wrong order", 8, [][]part{{{2, 3, 0}}, {{0, 2, 0}}}, []string{"2+3/1", "0+2/1"}},
		{"a gap", 8, [][]part{{{0, 2, 0}, {3, 3, 0}}}, []string{"0+2/1", "3+3/1"}},
		{"too long together", 8, [][]part{{{0, 5, 0}, {5, 4, 0}}}, []string{"0+5/1", "5+4/1"}},
		{"split in even shares", 8, [][]part{{{0, 18, 0}}}, []string{"0+6/1", "6+6/1", "12+6/1"}},
		{"split, the last is shorter", 8, [][]part{{{0, 17, 0}}}, []string{"0+6/1", "6+6/1", "12+5/1"}},
		{"what is left of a split takes a neighbour", 8, [][]part{{{0, 10, 0}, {10, 3, 0}}}, []string{"0+5/1", "5+8/2"}},
		{"many neighbours", 64, [][]part{slices.Collect(func(yield func(part) bool) {
			for i := range int64(maxPieces + 2) {
				if !yield(part{i, 1, 0}) {
					return
				}
			}
		})}, []string{fmt.Sprintf("0+%d/%d", maxPieces, maxPieces), fmt.Sprintf("%d+2/2", maxPieces)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l queue
			for _, parts := range c.requests {
				q := &Request{}
				for _, p := range parts {
					need := p[1]
					if p[2] > 0 {
						need = p[2]
					}
					q.Parts = append(q.Parts, Part{Offset: p[0] * Alignment, Into: Buffer{make([]byte, p[1]*Alignment)}, Need: need * Alignment})
				}
				l.push(q)
			}
			rd := newRead()
			var reads []string
			for rd.take(&l, c.most*Alignment) {
				reads = append(reads, fmt.Sprintf("%d+%d/%d", rd.off/Alignment, rd.size/Alignment, len(rd.pieces)))
			}
			if !slices.Equal(reads, c.reads) {
				t.Errorf("read %v, want %v", reads, c.reads)
			}
		})
	}
}

// FuzzTake: whatever the parts, every byte that is needed is read once, to its
// place, in reads that are not too long, and from each request in order.
func FuzzTake(f *testing.F) {
	f.Add(uint8(8), []byte{0, 3, 1, 3, 5, 0, 9, 40, 2})
	f.Add(uint8(1), []byte{7, 7, 7, 7, 7, 7})
	f.Fuzz(func(t *testing.T, most uint8, script []byte) {
		limit := int64(most%32+1) * Alignment
		var l queue
		var all []*Request
		q := &Request{}
		for ; len(script) >= 3; script = script[3:] {
			blocks := int64(script[1]%64 + 1)
			need := blocks*Alignment - int64(script[2])*11%(blocks*Alignment)
			q.Parts = append(q.Parts, Part{Offset: int64(script[0]) * Alignment, Into: Buffer{make([]byte, blocks*Alignment)}, Need: need})
			if script[2]%2 == 0 || len(script) < 6 {
				all = append(all, q)
				l.push(q)
				q = &Request{}
			}
		}
		rd := newRead()
		for rd.take(&l, limit) {
			checkRead(t, rd, limit)
		}
		for i, q := range all {
			if q.list != nil || q.pending == 0 {
				t.Fatalf("request %d: still queued, or never read", i)
			}
			for j, p := range q.Parts {
				for k, mark := range p.Into.data {
					if want := byte(0); int64(k) < p.length() {
						want = 1
						if mark != want {
							t.Fatalf("request %d, part %d: byte %d was read %d times", i, j, k, mark)
						}
					} else if mark != want {
						t.Fatalf("request %d, part %d: byte %d is not needed but was read", i, j, k)
					}
				}
			}
		}
	})
}

func checkRead(t *testing.T, rd *read, limit int64) {
	var size int64
	for i, p := range rd.pieces {
		if len(p.buf) == 0 || len(p.buf)%Alignment != 0 || p.need < 1 || p.need > len(p.buf) || &p.buf[0] != &rd.bufs[i][0] {
			t.Fatalf("piece %d: %d of %d bytes", i, p.need, len(p.buf))
		}
		size += int64(len(p.buf))
		for k := range p.buf {
			p.buf[k]++
		}
	}
	if size != rd.size || size > limit || rd.off%Alignment != 0 {
		t.Fatalf("a read of %d bytes at %d has pieces of %d; the limit is %d", rd.size, rd.off, size, limit)
	}
}

// TestShare: the shares of a long read are even and within the limit.
func TestShare(t *testing.T) {
	for left := int64(Alignment); left < 100*Alignment; left += Alignment {
		for most := int64(Alignment); most < 20*Alignment; most += Alignment {
			reads := 0
			for rest := left; rest > 0; reads++ {
				n := share(rest, most)
				if n <= 0 || n > most || n > rest || n%Alignment != 0 {
					t.Fatalf("share(%d, %d) = %d", rest, most, n)
				}
				rest -= n
			}
			if want := int((left + most - 1) / most); reads != want {
				t.Fatalf("%d bytes of %d at most: %d reads, want %d", left, most, reads, want)
			}
		}
	}
}
