package server

import (
	"maps"
	"sync"
)

// served counts requests by how they ended.
type served struct {
	mu sync.Mutex
	n  map[outcome]int64
}

type outcome struct {
	route string // a pattern; "" where there was none
	code  int
}

func (s *served) add(route string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == nil {
		s.n = map[outcome]int64{}
	}
	s.n[outcome{route, code}]++
}

func (s *served) all() map[outcome]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.n)
}
