package cluster

import (
	"encoding/json"
	"fmt"
	"time"
)

// largestMember bounds an announcement on the wire.
const largestMember = 64 << 10

// Member is what a host says of itself.
type Member struct {
	Name    string    `json:"name"`
	Boot    string    `json:"boot"`              // random, new at each Open
	Version string    `json:"version,omitempty"` // of moed
	Kernels string    `json:"kernels,omitempty"` // which kernels compute: bits may differ between kinds
	Threads int       `json:"threads,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"` // of RAM that it may use for experts, over all models
	Rate    float64   `json:"rate,omitempty"`  // bytes of weights per second that it computes over
	Models  []Holding `json:"models,omitempty"`
	Seen    time.Time `json:"seen,omitzero"` // when the coordinator last heard of it, by its own clock
}

// Holding is a model of which a host computes experts.
type Holding struct {
	ID       string `json:"id"`
	Header   string `json:"header,omitempty"`   // checksum of its file's header
	Room     int64  `json:"room,omitempty"`     // bytes of RAM for its experts
	Experts  int    `json:"experts,omitempty"`  // that it computes
	Lacks    int    `json:"lacks,omitempty"`    // of them, that had no room in RAM
	Revision uint64 `json:"revision,omitempty"` // of the plan that it follows; 0: none
}

// decodeMember reads an announcement of the host called name.
func decodeMember(name string, b []byte) (Member, error) {
	var m Member
	if len(b) > largestMember {
		return m, fmt.Errorf("announcement of %s: %d bytes, at most %d", name, len(b), largestMember)
	}
	if err := checkName(name); err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("announcement of %s: %w", name, err)
	}
	if m.Name != name {
		return m, fmt.Errorf("announcement of %s speaks for %.40q", name, m.Name)
	}
	m.Seen = time.Time{}
	return m, m.check()
}

// check refuses what would mislead whoever prints or adds it up.
func (m *Member) check() error {
	texts := []string{m.Boot, m.Version, m.Kernels}
	ok := m.Threads >= 0 && m.Bytes >= 0 && m.Rate >= 0
	for _, h := range m.Models {
		texts = append(texts, h.ID, h.Header)
		ok = ok && h.ID != "" && h.Room >= 0 && h.Experts >= 0 && h.Lacks >= 0
	}
	for _, text := range texts {
		ok = ok && len(text) <= longestModel && clean(text) == text
	}
	if !ok {
		return fmt.Errorf("announcement of %s: a text of over %d bytes or not for print, or a number below 0", m.Name, longestModel)
	}
	return nil
}

// encodeMember writes an announcement without what receivers fill in.
func encodeMember(m Member) ([]byte, error) {
	m.Seen = time.Time{}
	if err := m.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("announce %s: %w", m.Name, err)
	}
	if len(b) > largestMember {
		return nil, fmt.Errorf("announce %s: %d bytes, at most %d", m.Name, len(b), largestMember)
	}
	return b, nil
}
