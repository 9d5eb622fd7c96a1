package screen

import (
	"fmt"
	"strings"
	"time"
)

const (
	leastWidth, leastHeight = 40, 12 // cells; below is no picture

	fixedLines   = 9 // all but the map and the requests
	leastRequest = 2 // lines for requests, where there is a map
)

// Draw is the picture of s, from its top, in at most l.Height lines.
func Draw(s *State, l Look) []string {
	switch {
	case l.Width < leastWidth || l.Height < leastHeight:
		return cut([]string{newLine(l).say("%s", Line(s)).String()}, l)
	case s.Status == nil:
		return cut([]string{newLine(l).say("moed top: waiting for the daemon").String(), newLine(l).say("%s", Clean(s.Note)).String()}, l)
	case s.Help:
		return cut(help(l), l)
	}
	requests := s.Requests()
	free := l.Height - fixedLines
	below := max(leastRequest, min(len(requests), free/3))
	lines := head(s, l)
	lines = append(lines, middle(s, l, free-below)...)
	lines = append(lines, requestLines(s, requests, l, l.Height-1-len(lines)-2)...)
	for len(lines) < l.Height-1 {
		lines = append(lines, "")
	}
	return cut(append(lines, footer(s, l)), l)
}

func cut(lines []string, l Look) []string { return lines[:min(len(lines), max(0, l.Height))] }

// Line is all of s in one line.
func Line(s *State) string {
	if s.Status == nil {
		return "waiting for the daemon"
	}
	t := s.Status.Totals
	text := fmt.Sprintf("%.1f tok/s, hit %.1f %%, flash %s/s, memory %s of %s", t.Rate, 100*t.HitRatio, size(int64(t.FlashRate)), size(s.Status.Budget.Used), size(s.Status.Budget.Total))
	for i := range s.Status.Models {
		m := &s.Status.Models[i]
		text += fmt.Sprintf(", %s %s", Clean(m.Name), Clean(m.State))
	}
	return text + fmt.Sprintf(", %d requests", len(s.Status.Requests)+s.Status.Others)
}

// head is the daemon as a whole: five lines.
func head(s *State, l Look) []string {
	st, t := s.Status, s.Status.Totals
	title := newLine(l).put(style{ink: plain, paper: plain, bold: true}, "moed "+Clean(st.Version))
	if m := s.Shown(); m != nil {
		title.say("  %s", Clean(m.Name)).say("  %s", stateOf(m.State, m.Loaded))
		if n := len(st.Models); n > 1 {
			title.say("  (1 of %d models)", n)
		}
	} else {
		title.say("  no model is loaded")
	}
	title.say("  up %s", age(s.Now.Sub(st.Began)))
	if s.Paused {
		title.put(style{ink: plain, paper: plain, reverse: true}, "  paused ")
	}
	rate := newLine(l).say("tok/s  %7.1f  ", t.Rate)
	rate.put(ink(ramp(0.7)), sparks(s.Rates, l.Width-rate.width))
	counts := newLine(l).say("hit    %6.1f%%  flash %s/s  read %s  waited %s  %d tokens", 100*t.HitRatio, size(int64(t.FlashRate)), size(t.FlashBytes), age(time.Duration(t.Stall*float64(time.Second))), t.Tokens)
	if st.Pressure.Known {
		counts.say("  pressure %.1f%%", st.Pressure.Some)
	}
	return append([]string{title.String(), rate.String()}, append(budget(s, l), counts.String())...)
}

func stateOf(state string, loaded float64) string {
	if state == "loading" {
		return fmt.Sprintf("loading %.0f%%", 100*loaded)
	}
	return Clean(state)
}

// part is one kind of memory in the bar.
type part struct {
	name  string
	bytes int64
	mark  string // without colours
	ink   colour
}

// budget is the bar of memory and what its parts mean.
func budget(s *State, l Look) []string {
	m, total, used := s.Status.Memory, s.Status.Budget.Total, s.Status.Budget.Used
	parts := []part{
		{"dense", m.Dense, "█", ramp(0)}, {"experts", m.Experts, "▓", ramp(0.35)}, {"KV", m.KV, "▒", ramp(0.6)}, {"prefix", m.Prefix, "░", ramp(0.85)},
		{"other", max(m.Scratch+m.Heap, used-m.Dense-m.Experts-m.KV-m.Prefix), "▪", rgb(150, 150, 150)},
	}
	free := total
	for _, p := range parts {
		free -= p.bytes
	}
	parts = append(parts, part{"free", max(0, free), "·", rgb(70, 70, 70)})
	bar := newLine(l).say("memory %8s ", size(used))
	end := fmt.Sprintf(" of %s, %s free", size(total), size(parts[len(parts)-1].bytes))
	from, sum := bar.width, int64(0)
	cells := max(0, l.Width-from-len(end))
	for _, p := range parts {
		sum += max(0, p.bytes)
		to := from + int(float64(cells)*float64(min(sum, total))/float64(max(1, total)))
		mark := p.mark
		if l.Colour && p.name != "free" {
			mark = "█"
		}
		bar.fill(ink(p.ink), mark, to)
	}
	bar.fill(ink(plain), " ", from+cells).say("%s", end)
	legend := newLine(l)
	for _, p := range parts[:len(parts)-1] {
		if p.bytes > 0 {
			mark := p.mark
			if l.Colour {
				mark = "█"
			}
			legend.put(ink(p.ink), mark).say(" %s %s  ", p.name, size(p.bytes))
		}
	}
	return []string{bar.String(), strings.TrimRight(legend.String(), " ")}
}

// rule parts a picture.
func rule(l Look, text string) string {
	return newLine(l).say("── ").put(style{ink: plain, paper: plain, bold: true}, text).say(" ").fill(ink(plain), "─", l.Width).String()
}

func footer(s *State, l Look) string {
	line := newLine(l)
	reverse := style{ink: plain, paper: plain, reverse: true}
	switch {
	case s.Ask != "":
		return line.put(reverse, Clean(s.Ask)+" (y/n)").String()
	case s.Note != "":
		return line.put(reverse, Clean(s.Note)).String()
	}
	return line.say("q quit  ? help  s sort  m model  h heat/hit  space pause  ↑↓ choose  x cancel").String()
}

func help(l Look) []string {
	var lines []string
	for _, text := range strings.Split(helpText, "\n") {
		lines = append(lines, newLine(l).say("%s", text).String())
	}
	return lines
}

const helpText = `moed top

q        leave                       ?        this text, and back
s        sort the requests           m        the next model
h        heat, or hits by layer      space    hold the picture
↑ ↓      choose a request            x        cancel the chosen one

The map has a row for each layer and a column for each expert, or one for
several where they do not fit. The upper half of a cell is how much an expert
is used of late: dark violet not at all, yellow most. The lower half is light
where it is in memory and dark where it is on flash.`

// age is d in the unit that suits.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0fh", d.Hours())
	}
	return fmt.Sprintf("%.0fd", d.Hours()/24)
}
