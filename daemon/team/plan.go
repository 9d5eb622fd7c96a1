package team

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"moed/offload/hosts"
	"moed/placement"
)

// put is what is kept for a model on the network.
type put struct {
	Auto bool            `json:"auto"` // the coordinator made it, and may make another
	Plan json.RawMessage `json:"plan"` // a placement.File
}

func (p *put) file() (*placement.File, error) {
	return placement.ReadFile(bytes.NewReader(p.Plan))
}

func decodePut(data []byte) (*put, *placement.File, error) {
	p := &put{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, nil, fmt.Errorf("plan: %w", err)
	}
	file, err := p.file()
	if err != nil {
		return nil, nil, fmt.Errorf("plan: %w", err)
	}
	return p, file, nil
}

func encodePut(auto bool, f *placement.File) ([]byte, error) {
	var text bytes.Buffer
	if err := f.Write(&text); err != nil {
		return nil, err
	}
	return json.Marshal(put{Auto: auto, Plan: text.Bytes()})
}

// modelID is by what hosts know a model: its name, for people, and what tells it
// from others of that name.
func modelID(name, identity string) string {
	return name[:min(len(name), 200)] + "@" + identity[:min(len(identity), 16)]
}

// follow is the plan as the coordinator home goes by it.
func follow(f *placement.File, home string, revision uint64) hosts.Plan {
	p := hosts.Plan{Revision: revision, Moving: f.Moving}
	number := make([]int16, len(f.Devices))
	for i, d := range f.Devices {
		if d.Host == home {
			number[i] = hosts.Here
			continue
		}
		at := slices.Index(p.Hosts, d.Host)
		if at < 0 {
			at = len(p.Hosts)
			p.Hosts = append(p.Hosts, d.Host)
		}
		number[i] = int16(at)
	}
	for h, name := range p.Hosts {
		if linkOf(f, home, name).Answers == placement.F16 {
			if p.Half == nil {
				p.Half = make([]bool, len(p.Hosts))
			}
			p.Half[h] = true
		}
	}
	for _, experts := range f.Assignment {
		where := make([][]int16, len(experts))
		for e, devices := range experts {
			for _, d := range devices {
				if n := number[d]; !slices.Contains(where[e], n) {
					where[e] = append(where[e], n)
				}
			}
		}
		p.Where = append(p.Where, where)
	}
	return p
}

// linkOf is the link between two hosts.
func linkOf(f *placement.File, a, b string) placement.Link {
	for _, l := range f.Links {
		if l.A == a && l.B == b || l.A == b && l.B == a {
			return l
		}
	}
	return f.Remote
}

// shareOf is which experts a plan gives a host, by layer, ascending, and how many.
func shareOf(f *placement.File, host string) (experts [][]int, n int) {
	experts = make([][]int, len(f.Assignment))
	for l, layer := range f.Assignment {
		for e, devices := range layer {
			if slices.ContainsFunc(devices, func(d int) bool { return f.Devices[d].Host == host }) {
				experts[l] = append(experts[l], e)
				n++
			}
		}
	}
	return experts, n
}

// wholeOf is which layers a plan has a host run whole: those of which it has all
// experts.
func wholeOf(f *placement.File, host string) []bool {
	whole := make([]bool, len(f.Assignment))
	for l, experts := range f.Assignment {
		whole[l] = f.Moving && len(experts) > 0 && !slices.ContainsFunc(experts, func(devices []int) bool {
			return !slices.ContainsFunc(devices, func(d int) bool { return f.Devices[d].Host == host })
		})
	}
	return whole
}
