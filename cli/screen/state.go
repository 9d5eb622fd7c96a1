package screen

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"moed/daemon/api"
)

// Sorts of requests.
const (
	SortAge    = "age"
	SortUser   = "user"
	SortModel  = "model"
	SortTokens = "tokens"
	SortRate   = "rate"
)

// Sorts are all of them, in the order in which a key goes through them.
func Sorts() []string { return []string{SortAge, SortUser, SortModel, SortTokens, SortRate} }

// State is what a picture shows. Draw changes nothing of it.
type State struct {
	Status *api.Status             // nil before the first
	Maps   map[string]*api.Experts // by model
	Rates  []float64               // tokens per second, twice a second, the oldest first
	Now    time.Time

	Model  string // whose map is shown; where there is no such one, the first with experts
	Hits   bool   // hit ratios of layers in place of the map
	Sort   string // of the requests; "" is SortAge
	Chosen string // id of a request; "" is none
	Paused bool
	Help   bool
	Ask    string // a question that waits for y or n
	Note   string // what is to be said, in place of the keys
}

// Look is the terminal that a picture is for.
type Look struct {
	Width, Height int // cells; a picture has at most so many
	Colour        bool
}

// Shown is the model whose map is drawn, or nil.
func (s *State) Shown() *api.Model {
	if s.Status == nil {
		return nil
	}
	var shown *api.Model
	for i := range s.Status.Models {
		m := &s.Status.Models[i]
		if m.Name == s.Model {
			return m
		}
		if shown == nil || shown.Experts == 0 && m.Experts > 0 {
			shown = m
		}
	}
	return shown
}

// Requests are those of the state, sorted.
func (s *State) Requests() []api.Request {
	if s.Status == nil {
		return nil
	}
	list := slices.Clone(s.Status.Requests)
	slices.SortStableFunc(list, func(a, b api.Request) int {
		by := 0
		switch s.Sort {
		case SortUser:
			by = cmp.Or(cmp.Compare(a.UID, b.UID), strings.Compare(a.Token, b.Token))
		case SortModel:
			by = strings.Compare(a.Model, b.Model)
		case SortTokens:
			by = cmp.Compare(b.Read+b.Generated, a.Read+a.Generated)
		case SortRate:
			by = cmp.Compare(b.Rate, a.Rate)
		}
		return cmp.Or(by, a.Began.Compare(b.Began), strings.Compare(a.ID, b.ID))
	})
	return list
}

// keptRates is how many rates are kept: five minutes of them.
const keptRates = 600

// Take has s show an event of the daemon, which came at now.
func (s *State) Take(e api.Event, now time.Time) {
	s.Now = now
	if e.Experts != nil {
		s.Maps[e.Experts.Model] = e.Experts
	}
	if e.Status == nil {
		return
	}
	s.Status = e.Status
	s.Rates = append(s.Rates[max(0, len(s.Rates)+1-keptRates):], e.Status.Totals.Rate)
	for name := range s.Maps {
		if !slices.ContainsFunc(e.Status.Models, func(m api.Model) bool { return m.Name == name }) {
			delete(s.Maps, name)
		}
	}
}
