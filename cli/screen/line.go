package screen

import (
	"fmt"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
)

// colour is one of 24 bits; below 0 is the terminal's own.
type colour int32

const plain colour = -1

func rgb(r, g, b int) colour { return colour(r<<16 | g<<8 | b) }

// style is how cells look where there are colours.
type style struct {
	ink, paper colour
	bold       bool
	reverse    bool
}

func ink(c colour) style { return style{ink: c, paper: plain} }

// line is one of a picture on its way. What does not fit is cut off.
type line struct {
	text    strings.Builder
	width   int // cells so far
	limit   int
	colours bool
	now     style
	styled  bool // now is in force
}

func newLine(l Look) *line { return &line{limit: l.Width, colours: l.Colour} }

// put adds text, of which the caller knows that it steers nothing.
func (l *line) put(s style, text string) *line {
	for _, r := range text {
		w := lipgloss.Width(string(r))
		if l.width+w > l.limit {
			return l
		}
		l.turn(s)
		l.text.WriteRune(r)
		l.width += w
	}
	return l
}

func (l *line) putf(s style, format string, args ...any) *line {
	return l.put(s, fmt.Sprintf(format, args...))
}

// say adds text in the terminal's own colours.
func (l *line) say(format string, args ...any) *line {
	return l.put(ink(plain), fmt.Sprintf(format, args...))
}

// turn has what follows look like s.
func (l *line) turn(s style) {
	if !l.colours || l.styled && l.now == s {
		return
	}
	if l.styled {
		l.text.WriteString("\x1b[0m")
	}
	l.styled = s != ink(plain)
	l.now = s
	if s.bold {
		l.text.WriteString("\x1b[1m")
	}
	if s.reverse {
		l.text.WriteString("\x1b[7m")
	}
	if s.ink >= 0 {
		fmt.Fprintf(&l.text, "\x1b[38;2;%d;%d;%dm", s.ink>>16, s.ink>>8&255, s.ink&255)
	}
	if s.paper >= 0 {
		fmt.Fprintf(&l.text, "\x1b[48;2;%d;%d;%dm", s.paper>>16, s.paper>>8&255, s.paper&255)
	}
}

// fill adds r up to the cell before which something else begins, at most to the
// end of the line.
func (l *line) fill(s style, r string, to int) *line {
	for l.width < min(to, l.limit) {
		before := l.width
		if l.put(s, r); l.width == before {
			break
		}
	}
	return l
}

func (l *line) String() string {
	if l.styled {
		return l.text.String() + "\x1b[0m"
	}
	return l.text.String()
}

// Clean is text without what steers a terminal: controls, and marks that turn
// the direction of writing or have no width.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar:
			return '?'
		case unicode.Is(unicode.M, r): // they change the width of what is before them
			return -1
		}
		return r
	}, text)
}

// fit is text, cleaned, in exactly width cells.
func fit(text string, width int) string {
	text = Clean(text)
	total := lipgloss.Width(text)
	if total <= width {
		return text + strings.Repeat(" ", width-total)
	}
	var b strings.Builder
	used := 0
	for _, r := range text {
		w := lipgloss.Width(string(r))
		if used+w > width-1 {
			break
		}
		b.WriteRune(r)
		used += w
	}
	b.WriteString("…" + strings.Repeat(" ", max(0, width-1-used)))
	return b.String()
}

// size is n bytes in the unit that suits.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", max(0, n))
}
