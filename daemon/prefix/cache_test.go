package prefix

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// counted is a State that knows how often it was closed.
type counted struct {
	tokens []int32
	bytes  int64
	closed atomic.Int32
}

func (s *counted) Tokens() []int32 { return s.tokens }
func (s *counted) Bytes() int64    { return s.bytes }
func (s *counted) Close()          { s.closed.Add(1) }

func state(bytes int64, tokens ...int32) *counted { return &counted{tokens: tokens, bytes: bytes} }

func cache(t *testing.T, bytes int64) *Cache[*counted] {
	c := New[*counted](Options{Bytes: bytes})
	t.Cleanup(c.Close)
	return c
}

// find is what Longest gives, nil and 0 where it finds nothing.
func find(c *Cache[*counted], o Owner, ids ...int32) (found *counted, n int) {
	n = c.Longest(o, ids, func(s *counted, m int) { found = s })
	return found, n
}

func TestLongest(t *testing.T) {
	c := cache(t, 1000)
	me := Owner{UID: 1}
	abc, abd, x := state(1, 1, 2, 3, 4, 5), state(1, 1, 2, 9), state(1, 7)
	for _, s := range []*counted{abc, abd, x} {
		c.Put(me, s)
	}
	tests := []struct {
		ids  []int32
		want *counted
		n    int
	}{
		{[]int32{1, 2, 3, 4, 5, 6, 7}, abc, 5},
		{[]int32{1, 2, 3, 4, 5}, abc, 5},
		{[]int32{1, 2, 3, 8}, abc, 3},
		{[]int32{1, 2, 9, 9}, abd, 3},
		{[]int32{1, 2, 10}, abd, 2}, // both have two
		{[]int32{7, 7}, x, 1},
		{[]int32{8}, nil, 0},
		{[]int32{0}, nil, 0},
		{nil, nil, 0},
	}
	for _, test := range tests {
		if got, n := find(c, me, test.ids...); got != test.want || n != test.n {
			t.Errorf("%v: found %v and %d, want %v and %d", test.ids, got, n, test.want, test.n)
		}
	}
}

// TestLongestAgainstAll compares with a look at every state.
func TestLongestAgainstAll(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		c := cache(t, 1000)
		random := func() []int32 {
			ids := make([]int32, 1+r.IntN(6))
			for i := range ids {
				ids[i] = int32(r.IntN(3)) - 1
			}
			return ids
		}
		for range r.IntN(20) {
			c.Put(Owner{}, state(1, random()...))
		}
		for range 20 {
			ids, want := random(), 0
			c.Each(func(_ Owner, s *counted) { want = max(want, common(s.tokens, ids)) })
			if s, n := find(c, Owner{}, ids...); n != want || n > 0 && common(s.tokens, ids) != n {
				t.Fatalf("%v: found %d, want %d", ids, n, want)
			}
		}
	}
}

// TestOwners: nobody finds what is another's, and a user is not a token.
func TestOwners(t *testing.T) {
	c := cache(t, 1000)
	c.Put(Owner{UID: 1}, state(1, 1, 2, 3))
	for _, o := range []Owner{{}, {UID: 2}, {UID: 1, Token: "1"}, {Token: "1"}} {
		if s, n := find(c, o, 1, 2, 3); s != nil || n != 0 {
			t.Errorf("%v finds %d tokens of another", o, n)
		}
	}
	other := state(1, 1, 2, 3)
	c.Put(Owner{UID: 2}, other)
	if s, n := find(c, Owner{UID: 2}, 1, 2, 3); s != other || n != 3 {
		t.Errorf("found %v and %d, want one's own", s, n)
	}
}

// TestContained: of two states of which one begins with the other one stays.
func TestContained(t *testing.T) {
	c := cache(t, 1000)
	me := Owner{UID: 1}
	short, long, part := state(10, 1, 2), state(20, 1, 2, 3, 4), state(15, 1, 2, 3)
	same := state(20, 1, 2, 3, 4)
	c.Put(me, short)
	c.Put(me, long)
	if short.closed.Load() != 1 || c.Len() != 1 || c.Bytes() != 20 {
		t.Errorf("the shorter was closed %d times; %d states of %d bytes", short.closed.Load(), c.Len(), c.Bytes())
	}
	c.Put(me, part)
	c.Put(me, same)
	if part.closed.Load() != 1 || same.closed.Load() != 1 || long.closed.Load() != 0 {
		t.Errorf("closed: the contained %d times, the same %d, the one that has them %d", part.closed.Load(), same.closed.Load(), long.closed.Load())
	}
	c.Put(Owner{UID: 2}, state(5, 1, 2))
	if c.Len() != 2 {
		t.Errorf("%d states, want another's beside", c.Len())
	}
}

func TestNothingFits(t *testing.T) {
	big, empty, none := state(11, 1), state(1), state(1, 1)
	c := cache(t, 10)
	c.Put(Owner{}, big)
	c.Put(Owner{}, empty)
	New[*counted](Options{}).Put(Owner{}, none)
	if big.closed.Load() != 1 || empty.closed.Load() != 1 || none.closed.Load() != 1 {
		t.Errorf("closed %d, %d and %d times, want once each", big.closed.Load(), empty.closed.Load(), none.closed.Load())
	}
}

// TestNewcomer: states that were of much use do not keep a new one out for good.
func TestNewcomer(t *testing.T) {
	c := cache(t, 4)
	me := Owner{UID: 1}
	for i := range int32(4) {
		c.Put(me, state(1, i, i))
	}
	for range 50 {
		for i := range int32(4) {
			find(c, me, i, i)
		}
	}
	in := false
	for turn := range int32(16) {
		s := state(1, 9, turn)
		c.Put(me, s)
		if _, n := find(c, me, 9, turn, 1); n == 2 {
			in = true
		}
		if c.Bytes() > 4 {
			t.Fatalf("%d bytes, want at most 4", c.Bytes())
		}
	}
	if !in {
		t.Error("of 16 new states none was kept")
	}
}

// TestShrink: what was used longest ago goes first, at once, and no more than is
// asked for.
func TestShrink(t *testing.T) {
	c := cache(t, 1000)
	me := Owner{UID: 1}
	var all []*counted
	for i := range int32(5) {
		all = append(all, state(10, i))
		c.Put(me, all[i])
	}
	find(c, me, 0)
	if freed := c.Shrink(15); freed != 20 || c.Bytes() != 30 {
		t.Errorf("freed %d, %d left, want 20 and 30", freed, c.Bytes())
	}
	for i, want := range []int32{0, 1, 1, 0, 0} {
		if got := all[i].closed.Load(); got != want {
			t.Errorf("state %d was closed %d times, want %d", i, got, want)
		}
	}
	c.Resize(10)
	if all[0].closed.Load() != 0 || c.Bytes() != 10 {
		t.Errorf("%d bytes after Resize, want the latest", c.Bytes())
	}
	if freed := c.Shrink(1000); freed != 10 || c.Len() != 0 {
		t.Errorf("freed %d of the last 10, %d states are left", freed, c.Len())
	}
}

// TestPinned: what is in use is closed after the use, and counts until then.
func TestPinned(t *testing.T) {
	c := cache(t, 1000)
	me := Owner{UID: 1}
	s := state(10, 1, 2)
	c.Put(me, s)
	c.Longest(me, []int32{1, 2}, func(*counted, int) {
		if freed := c.Shrink(10); freed != 0 {
			t.Errorf("freed %d bytes in use", freed)
		}
		c.Drop(me)
		if s.closed.Load() != 0 || c.Len() != 0 || c.Bytes() != 10 {
			t.Errorf("closed %d times in use; %d states of %d bytes", s.closed.Load(), c.Len(), c.Bytes())
		}
	})
	if s.closed.Load() != 1 || c.Bytes() != 0 {
		t.Errorf("closed %d times after the use, %d bytes", s.closed.Load(), c.Bytes())
	}
}

func TestEach(t *testing.T) {
	c := cache(t, 1000)
	for i := range int32(4) {
		c.Put(Owner{UID: uint32(i)}, state(1, i))
	}
	find(c, Owner{UID: 1}, 1)
	var got []uint32
	c.Each(func(o Owner, s *counted) {
		got = append(got, o.UID)
		c.Drop(o)
		if s.closed.Load() != 0 {
			t.Error("closed while it is used")
		}
	})
	if want := []uint32{0, 2, 3, 1}; !slices.Equal(got, want) || c.Bytes() != 0 {
		t.Errorf("found %v, want %v; %d bytes are left", got, want, c.Bytes())
	}
}

// TestClosedOnce: whatever is done, and by how many, each state is closed exactly
// once, and there are never more bytes than allowed once a Put has returned.
func TestClosedOnce(t *testing.T) {
	const workers, rounds, limit = 4, 400, 300
	c := New[*counted](Options{Bytes: limit})
	made := make([][]*counted, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range rounds {
				o := Owner{UID: uint32(r.IntN(3))}
				ids := make([]int32, 1+r.IntN(6))
				for i := range ids {
					ids[i] = int32(r.IntN(3))
				}
				switch r.IntN(12) {
				default:
					s := state(int64(1+r.IntN(60)), ids...)
					made[w] = append(made[w], s)
					c.Put(o, s)
				case 5, 6, 7, 8:
					c.Longest(o, ids, func(s *counted, n int) {
						if s.closed.Load() != 0 || n != common(s.tokens, ids) {
							t.Errorf("closed %d times while in use; %d tokens in common", s.closed.Load(), n)
						}
					})
				case 9:
					c.Shrink(int64(r.IntN(100)))
				case 10:
					c.Drop(o)
				case 11:
					c.Resize(int64(r.IntN(limit)))
					c.Each(func(_ Owner, s *counted) {
						if s.closed.Load() != 0 {
							t.Error("closed while in use")
						}
					})
					c.Resize(limit)
				}
			}
		})
	}
	all.Wait()
	if c.Bytes() > limit {
		t.Errorf("%d bytes, want at most %d", c.Bytes(), limit)
	}
	c.Close()
	c.Close()
	late := state(1, 1)
	c.Put(Owner{}, late)
	made[0] = append(made[0], late)
	for _, states := range made {
		for _, s := range states {
			if n := s.closed.Load(); n != 1 {
				t.Fatalf("a state was closed %d times", n)
			}
		}
	}
	if c.Bytes() != 0 || c.Len() != 0 {
		t.Errorf("%d states of %d bytes after Close", c.Len(), c.Bytes())
	}
}

// TestCloseMeanwhile closes a cache that others use.
func TestCloseMeanwhile(t *testing.T) {
	for round := range 20 {
		c := New[*counted](Options{Bytes: 50})
		var made [3][]*counted
		var all sync.WaitGroup
		for w := range made {
			all.Go(func() {
				for i := range int32(40) {
					s := state(7, int32(w), i)
					made[w] = append(made[w], s)
					c.Put(Owner{}, s)
					find(c, Owner{}, int32(w), i)
					c.Shrink(3)
				}
			})
		}
		if round%2 == 0 {
			all.Go(c.Close)
		}
		c.Close()
		all.Wait()
		for _, states := range made {
			for _, s := range states {
				if n := s.closed.Load(); n != 1 {
					t.Fatalf("a state was closed %d times", n)
				}
			}
		}
	}
}

// BenchmarkLongest looks among 500 states of 100 000 tokens that have all but the
// last tenth in common.
func BenchmarkLongest(b *testing.B) {
	c := New[*counted](Options{Bytes: 1 << 30})
	defer c.Close()
	r := rand.New(rand.NewPCG(1, 2))
	system := make([]int32, 100_000)
	for i := range system {
		system[i] = r.Int32N(50_000)
	}
	for range 500 {
		ids := slices.Clone(system)
		for i := 90_000; i < len(ids); i++ {
			ids[i] = r.Int32N(50_000)
		}
		c.Put(Owner{}, state(1, ids...))
	}
	b.ResetTimer()
	for range b.N {
		if n := c.Longest(Owner{}, system, func(*counted, int) {}); n < 90_000 {
			b.Fatal(n)
		}
	}
}
