package reply

import "strings"

// flow is one of the texts of an answer on its way out: white space at its end
// is held back, as it is dropped where a marker follows.
type flow struct {
	held  string
	long  bool   // within white space that is too long to hold
	lead  bool   // line ends at the beginning are dropped
	shown bool   // something has been
	gap   string // to show before what comes next
}

const longestHeld = 256

// put takes the next part of the text and returns what of it is certain. Where
// hold is false, all is.
func (f *flow) put(s string, hold bool) string {
	s = f.held + s
	f.held = ""
	if f.lead {
		s = strings.TrimLeft(s, "\r\n")
	}
	if s == "" {
		return ""
	}
	f.lead = false
	out := s
	if hold {
		out = strings.TrimRight(s, spaces)
		switch rest := len(s) - len(out); {
		case out == "" && f.long, rest > longestHeld:
			f.long, out = true, s
		default:
			f.long, f.held = false, s[len(out):]
		}
	}
	if out == "" {
		return ""
	}
	out = f.gap + out
	f.gap, f.shown = "", true
	return out
}

// part is called at a marker: white space on both sides is dropped.
func (f *flow) part() { f.held, f.lead, f.long = "", true, false }

// separate makes what comes next a paragraph of its own.
func (f *flow) separate() {
	if f.shown {
		f.gap = "\n\n"
	}
}
