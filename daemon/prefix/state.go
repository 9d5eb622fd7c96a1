package prefix

// State is the keys and values of some tokens. Tokens and Bytes do not change
// and may be called by several goroutines.
type State interface {
	// Tokens are what it was computed of. They belong to the State.
	Tokens() []int32
	// Bytes is the memory that it holds.
	Bytes() int64
	// Close gives the memory back. The Cache calls it once.
	Close()
}

// Owner is who a state was computed for.
type Owner struct {
	UID   uint32
	Token string
}

// entry is one state of a Cache. Its fields are guarded by the Cache's mu where
// no comment says otherwise.
type entry[S State] struct {
	state  S // does not change, and so the next four
	owner  Owner
	tokens []int32
	bytes  int64

	key     uint64 // in ristretto
	in      bool   // it can be found
	refused bool   // ristretto did not want it
	pins    int    // uses under way; it is closed after the last
	used    uint64 // by the Cache's clock
}

// shelf is the entries of one owner, ascending by their tokens, none of which
// begins with all of another's. Neighbours in that order have the most first
// tokens in common.
type shelf[S State] []*entry[S]

// search finds where ids belongs, and how many first tokens it shares with the
// entry before that and with the one there. It compares each of them once or
// twice: what lies between two entries shares at least what both of them do.
func (l shelf[S]) search(ids []int32) (i, before, there int) {
	i, end := 0, len(l)
	for i < end {
		mid := (i + end) / 2
		t, n := l[mid].tokens, min(before, there)
		n += common(t[n:], ids[n:])
		if n < len(ids) && (n == len(t) || t[n] < ids[n]) {
			i, before = mid+1, n
		} else {
			end, there = mid, n
		}
	}
	return i, before, there
}

// longest is the entry that has the most first tokens in common with ids, and how
// many that is; nil where none has any.
func (l shelf[S]) longest(ids []int32) (*entry[S], int) {
	switch i, before, there := l.search(ids); {
	case before == 0 && there == 0:
		return nil, 0
	case before > there:
		return l[i-1], before
	default:
		return l[i], there
	}
}

// container is an entry that begins with all of ids, or nil.
func (l shelf[S]) container(ids []int32) *entry[S] {
	if i, _, there := l.search(ids); i < len(l) && there == len(ids) {
		return l[i]
	}
	return nil
}

// contained is the entry that ids begins with all of, or nil.
func (l shelf[S]) contained(ids []int32) *entry[S] {
	if i, before, _ := l.search(ids); i > 0 && before == len(l[i-1].tokens) {
		return l[i-1]
	}
	return nil
}

// common is how many first tokens two texts share.
func common(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
