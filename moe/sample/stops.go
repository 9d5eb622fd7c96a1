package sample

import "strings"

// Stops watches a text that arrives in pieces for the first of some strings.
// What it lets through does not depend on where the pieces are cut: the text
// ends before the stop string that is complete first, and of those that are
// complete at the same byte, before the longest. The zero value stops at
// nothing.
type Stops struct {
	stops []string
	held  string // the end of the text so far, as long as it may begin a stop
	done  bool
	found string
}

// NewStops watches for each of stops; empty ones are ignored.
func NewStops(stops []string) *Stops {
	s := &Stops{}
	for _, stop := range stops {
		if stop != "" {
			s.stops = append(s.stops, stop)
		}
	}
	return s
}

// Add takes the next piece and returns the text that is now certain. found is
// true from the moment a stop string is complete; nothing comes after that.
func (s *Stops) Add(piece string) (text string, found bool) {
	if s.done {
		return "", true
	}
	if len(s.stops) == 0 {
		return piece, false
	}
	all := s.held + piece
	for end := len(s.held) + 1; end <= len(all); end++ {
		if stop := s.endingAt(all[:end]); stop != "" {
			s.done, s.held, s.found = true, "", stop
			return all[:end-len(stop)], true
		}
	}
	keep := s.begun(all)
	s.held = all[len(all)-keep:]
	return all[:len(all)-keep], false
}

// Found is the stop string that ended the text, or "".
func (s *Stops) Found() string { return s.found }

// Flush returns what was held back, once the text has ended otherwise.
func (s *Stops) Flush() string {
	text := s.held
	s.held = ""
	return text
}

// endingAt is the longest stop string that text ends with, or "".
func (s *Stops) endingAt(text string) string {
	longest := ""
	for _, stop := range s.stops {
		if len(stop) > len(longest) && strings.HasSuffix(text, stop) {
			longest = stop
		}
	}
	return longest
}

// begun is the length of text's longest end that begins a stop string.
func (s *Stops) begun(text string) int {
	longest := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}
