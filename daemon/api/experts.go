package api

import "fmt"

// Experts is how much each expert of a model is used and where it is. GET
// /moed/v1/experts answers with a whole one; a stream of events has a whole
// one first and after it what has changed.
type Experts struct {
	Model   string `json:"model"`
	Layers  int    `json:"layers"`
	Experts int    `json:"experts"` // of a layer
	// At, in a change, are the places in the whole [Layers][Experts] that Heat and
	// Resident have new values for, in the same order. It is nil in a whole one.
	At []int `json:"at,omitempty"`
	// Heat is [Layers][Experts], row after row: the logarithm of recent use from 0,
	// not at all, to 255, the most of the model.
	Heat []byte `json:"heat"`
	// Resident is as long: 1 where the expert is in memory, 0 where it is on flash.
	Resident []byte `json:"resident"`
}

// Change is what has changed since old, or e itself where that is smaller or
// old is of something else; nil where nothing has.
func (e *Experts) Change(old *Experts) *Experts {
	if old == nil || old.Model != e.Model || old.Layers != e.Layers || old.Experts != e.Experts ||
		len(old.Heat) != len(e.Heat) || len(old.Resident) != len(e.Resident) || len(e.Heat) != len(e.Resident) {
		return e
	}
	c := &Experts{Model: e.Model, Layers: e.Layers, Experts: e.Experts}
	for i, h := range e.Heat {
		if h != old.Heat[i] || e.Resident[i] != old.Resident[i] {
			c.At = append(c.At, i)
			c.Heat = append(c.Heat, h)
			c.Resident = append(c.Resident, e.Resident[i])
		}
	}
	switch {
	case len(c.At) == 0:
		return nil
	case len(c.At) > len(e.Heat)/4: // places are texts of digits
		return e
	}
	return c
}

// Apply is the whole after a change. It leaves e as it is, and fails where the
// change is of something else.
func (e *Experts) Apply(c *Experts) (*Experts, error) {
	if c.At == nil {
		if len(c.Heat) != c.Layers*c.Experts || len(c.Resident) != len(c.Heat) {
			return nil, fmt.Errorf("experts of %s: found %d and %d bytes, want %d of each", c.Model, len(c.Heat), len(c.Resident), c.Layers*c.Experts)
		}
		return c, nil
	}
	if e == nil || e.Model != c.Model || e.Layers != c.Layers || e.Experts != c.Experts {
		return nil, fmt.Errorf("experts of %s: a change of what is not known", c.Model)
	}
	if len(c.Heat) != len(c.At) || len(c.Resident) != len(c.At) {
		return nil, fmt.Errorf("experts of %s: %d places with %d and %d values", c.Model, len(c.At), len(c.Heat), len(c.Resident))
	}
	n := &Experts{Model: e.Model, Layers: e.Layers, Experts: e.Experts,
		Heat: append([]byte(nil), e.Heat...), Resident: append([]byte(nil), e.Resident...)}
	for i, at := range c.At {
		if at < 0 || at >= len(n.Heat) {
			return nil, fmt.Errorf("experts of %s: place %d of %d", c.Model, at, len(n.Heat))
		}
		n.Heat[at], n.Resident[at] = c.Heat[i], c.Resident[i]
	}
	return n, nil
}

// Event is one of GET /moed/v1/events, which come twice a second. One of its
// fields is set.
type Event struct {
	Status  *Status
	Experts *Experts // whole, as the Client puts it together
}
