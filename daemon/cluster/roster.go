package cluster

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// roster is whom the coordinator counts as members: those heard of within the
// last TTL. It goes by this host's clock alone.
type roster struct {
	mu      sync.Mutex
	known   map[string]*seat
	changed broadcast
}

type seat struct {
	member Member
	text   []byte // as announced
	before string // the start that this one took the place of; "": none
}

func newRoster() *roster { return &roster{known: map[string]*seat{}} }

// heard takes an announcement down. It says whether two hosts seem to use the
// name: an earlier start speaks again.
func (r *roster) heard(m Member, text []byte, now time.Time) (twice bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Seen = now
	s := &seat{member: m, text: text}
	if old := r.known[m.Name]; old != nil {
		if bytes.Equal(old.text, text) {
			old.member.Seen = now
			return false
		}
		s.before = old.before
		if old.member.Boot != m.Boot {
			s.before, twice = old.member.Boot, old.before == m.Boot
		}
	}
	r.known[m.Name] = s
	r.changed.send()
	return twice
}

// left strikes a host off and says whether it was there.
func (r *roster) left(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[name] == nil {
		return false
	}
	delete(r.known, name)
	r.changed.send()
	return true
}

// expire strikes off who was silent for ttl, and says when to look again.
func (r *roster) expire(now time.Time, ttl time.Duration) (gone []string, next time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = ttl
	for name, s := range r.known {
		if left := ttl - now.Sub(s.member.Seen); left > 0 {
			next = min(next, left)
			continue
		}
		delete(r.known, name)
		gone = append(gone, name)
	}
	if gone != nil {
		r.changed.send()
	}
	return gone, next
}

// members is a copy, ordered by name.
func (r *roster) members() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Member, 0, len(r.known))
	for _, s := range r.known {
		m := s.member
		m.Models = slices.Clone(m.Models)
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Members lists the hosts that announced themselves within the last TTL,
// ordered by name, this one among them if it did. Only the coordinator knows
// them; elsewhere the list is empty.
func (n *Node) Members() []Member { return n.roster.members() }

// WatchMembers calls f with the members at once and after each change, one call
// at a time, from a goroutine of its own; a new Seen alone is no change. After
// stop no further call begins. f must not call Close.
func (n *Node) WatchMembers(f func([]Member)) (stop func()) {
	ctx, stop := context.WithCancel(n.ctx)
	n.task(func() {
		for ctx.Err() == nil {
			change := n.roster.changed.wait()
			f(n.roster.members())
			select {
			case <-ctx.Done():
			case <-change:
			}
		}
	})
	return stop
}
