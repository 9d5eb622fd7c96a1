package daemon

// fair shares an engine between callers: each is charged for the tokens that
// are worked on for it, and who was charged least comes next. A caller that was
// away gets no credit for that: it begins with the least of those present.
// (Start-time fair queueing, Goyal et al. 1996.)
type fair struct {
	charged map[CallerKey]int64
	present map[CallerKey]int // requests of each
}

func newFair() *fair {
	return &fair{charged: map[CallerKey]int64{}, present: map[CallerKey]int{}}
}

// enter notes a request of a caller, and leave its end.
func (f *fair) enter(c CallerKey) {
	if f.present[c] == 0 {
		least, first := int64(0), true
		for k := range f.present {
			if first || f.charged[k] < least {
				least, first = f.charged[k], false
			}
		}
		f.charged[c] = least
	}
	f.present[c]++
}

func (f *fair) leave(c CallerKey) {
	if f.present[c]--; f.present[c] == 0 {
		delete(f.present, c)
		delete(f.charged, c)
	}
}

func (f *fair) charge(c CallerKey, tokens int) { f.charged[c] += int64(tokens) }

// before reports whether a's request comes before b's: by what was charged, and
// where that is equal by arrival.
func (f *fair) before(a, b *generation) bool {
	x, y := f.charged[a.request.Caller.Key()], f.charged[b.request.Caller.Key()]
	if x != y {
		return x < y
	}
	return a.number < b.number
}
