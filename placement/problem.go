package placement

import (
	"errors"
	"fmt"
)

// ErrNoRoom says that the devices cannot hold the experts.
var ErrNoRoom = errors.New("the devices have no room for all experts")

// Problem is the program in plain numbers; the package's docs write it down. It
// is not changed by anything here, so goroutines may share one.
type Problem struct {
	Layers  [][]int64 `json:"layers"` // bytes of each expert of each layer; a layer without experts is empty
	Devices []Device  `json:"devices"`
	Links   []Link    `json:"links,omitempty"`  // between hosts
	Remote  Link      `json:"remote"`           // between hosts that Links leaves out; its A and B are ignored
	Home    string    `json:"home,omitempty"`   // host where a token starts; "": that of the first device
	Moving  bool      `json:"moving,omitempty"` // the token goes to the host of all its experts and stays there, instead of coming Home after each layer
	Request int64     `json:"request"`          // bytes that a token sends to a host per layer
	Answer  int64     `json:"answer"`           // bytes that a host sends back per expert
	Copies  int       `json:"copies,omitempty"` // most copies of one expert; 0 and 1: no replicas
	Usage   Usage     `json:"-"`
}

// Bounds of what is accepted, far beyond any model and cluster.
const (
	maxExperts = 1 << 20
	maxDevices = 1 << 12
	maxBytes   = int64(1) << 42
	maxTotal   = int64(1) << 56
)

// Uniform is layers that all have so many experts of so many bytes.
func Uniform(layers, experts int, bytes int64) [][]int64 {
	out := make([][]int64, layers)
	for l := range out {
		out[l] = make([]int64, experts)
		for i := range out[l] {
			out[l][i] = bytes
		}
	}
	return out
}

// Check reports what no solver can work with. Everything that takes a Problem
// and returns an error calls it first.
func (p *Problem) Check() error {
	if len(p.Devices) == 0 || len(p.Devices) > maxDevices {
		return fmt.Errorf("found %d devices, want 1 to %d", len(p.Devices), maxDevices)
	}
	known := map[string]bool{}
	for i := range p.Devices {
		if err := p.Devices[i].check(); err != nil {
			return err
		}
		known[p.Devices[i].Host] = true
	}
	for _, l := range append([]Link{p.Remote}, p.Links...) {
		if err := l.check(); err != nil {
			return err
		}
	}
	switch {
	case p.Home != "" && !known[p.Home]:
		return fmt.Errorf("home %q: no device is on that host", p.Home)
	case p.Request < 0 || p.Answer < 0 || p.Request > maxBytes || p.Answer > maxBytes:
		return fmt.Errorf("found requests of %d and answers of %d bytes", p.Request, p.Answer)
	case p.Copies < 0:
		return fmt.Errorf("found %d copies", p.Copies)
	}
	if err := p.checkLayers(); err != nil {
		return err
	}
	return p.Usage.check(p.Layers)
}

func (p *Problem) checkLayers() error {
	experts, total := 0, int64(0)
	for l, sizes := range p.Layers {
		experts += len(sizes)
		for i, b := range sizes {
			if b < 0 || b > maxBytes {
				return fmt.Errorf("expert %d/%d: found %d bytes", l, i, b)
			}
			total += b
		}
		if total > maxTotal {
			return fmt.Errorf("layer %d: more than %d bytes in all", l, maxTotal)
		}
	}
	if experts == 0 || experts > maxExperts {
		return fmt.Errorf("found %d experts, want 1 to %d", experts, maxExperts)
	}
	room := int64(0)
	for _, d := range p.Devices {
		room += min(d.Capacity, maxTotal)
	}
	if room < total {
		return fmt.Errorf("%w: %d bytes of experts, %d of capacity", ErrNoRoom, total, room)
	}
	return nil
}

// bytes is the size of all experts.
func (p *Problem) bytes() int64 {
	n := int64(0)
	for _, sizes := range p.Layers {
		for _, b := range sizes {
			n += b
		}
	}
	return n
}

// copies is how many copies an expert may have.
func (p *Problem) copies() int { return max(1, min(p.Copies, len(p.Devices))) }
