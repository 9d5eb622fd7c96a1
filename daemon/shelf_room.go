package daemon

// claim is what one model asks of the budget: one that is loaded, or the one
// that is wanted.
type claim struct {
	least int64 // bytes below which it cannot be
	most  int64 // bytes above which it has little use for them
	fixed bool  // it cannot have more than most either
	busy  bool  // somebody uses it: it may shrink, but not go
	rests bool  // nobody has used it for a while: it gives way before the others
	used  int64 // when it was last used; the latest is the highest
}

// divide shares a budget among claims. A share of 0 is a model to be unloaded.
//
// All that stay get their least. Of the rest those that are used, or were lately,
// get equal levels, as much as each has use for, then those that rest; what is
// left then is for the contexts of those in use. Models that nobody uses go where
// the least of all is too much, the one used longest ago first; those that rest
// go already where the wanted one (an index, or -1) could not have half of the
// budget, or all that it has use for. ok is false where the least of those in use
// leaves too little.
func divide(total int64, claims []claim, wanted int) (shares []int64, ok bool) {
	stays := make([]bool, len(claims))
	room := total
	for i := range claims {
		stays[i] = true
		room -= claims[i].least
	}
	for {
		short := room < 0
		tight := wanted >= 0 && room+claims[wanted].least < min(claims[wanted].most, total/2)
		if !short && !tight {
			break
		}
		i := oldest(claims, func(i int) bool {
			return stays[i] && i != wanted && !claims[i].busy && (short || claims[i].rests)
		})
		if i < 0 {
			break
		}
		stays[i] = false
		room += claims[i].least
	}
	if room < 0 {
		return nil, false
	}
	return fill(claims, stays, wanted, room), true
}

// oldest is the claim used longest ago among those that may be, or -1.
func oldest(claims []claim, may func(int) bool) int {
	found := -1
	for i := range claims {
		if may(i) && (found < 0 || claims[i].used < claims[found].used) {
			found = i
		}
	}
	return found
}

// fill gives each that stays its least and divides the room beyond.
func fill(claims []claim, stays []bool, wanted int, room int64) []int64 {
	shares, caps := make([]int64, len(claims)), make([]int64, len(claims))
	var active, resting, all []int
	for i, c := range claims {
		if !stays[i] {
			continue
		}
		shares[i], caps[i] = c.least, max(c.most, c.least)
		all = append(all, i)
		if i == wanted || c.busy || !c.rests {
			active = append(active, i)
		} else {
			resting = append(resting, i)
		}
	}
	room = level(shares, caps, active, room)
	room = level(shares, caps, resting, room)
	grows := active
	if len(active) == 0 {
		grows = all
	}
	for _, i := range grows {
		if !claims[i].fixed {
			caps[i] = shares[i] + room
		}
	}
	level(shares, caps, grows, room)
	return shares
}

// level raises the shares of some claims, the lowest first, until they are equal
// or at their caps or the room is used, and returns what is left of it.
func level(shares, caps []int64, of []int, room int64) int64 {
	for {
		var lowest []int
		next := int64(0) // what they may rise to before there are more of them, or fewer
		for _, i := range of {
			switch {
			case shares[i] >= caps[i]:
			case len(lowest) == 0 || shares[i] < shares[lowest[0]]:
				next = caps[i]
				if len(lowest) > 0 {
					next = min(next, shares[lowest[0]])
				}
				lowest = []int{i}
			case shares[i] == shares[lowest[0]]:
				lowest, next = append(lowest, i), min(next, caps[i])
			default:
				next = min(next, shares[i])
			}
		}
		if len(lowest) == 0 {
			return room
		}
		step := min(next-shares[lowest[0]], room/int64(len(lowest)))
		if step <= 0 {
			return room
		}
		for _, i := range lowest {
			shares[i] += step
			room -= step
		}
	}
}
