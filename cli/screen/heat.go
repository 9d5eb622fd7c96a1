package screen

import (
	"fmt"

	"moed/daemon/api"
)

const (
	labelWidth = 5 // cells before the map
	widest     = 4 // cells of one expert
)

// middle is the map, or the hits, under its rule, in at most height+1 lines.
func middle(s *State, l Look, height int) []string {
	m := s.Shown()
	if m == nil {
		return []string{rule(l, "experts"), newLine(l).say("moed load MODEL loads one, and so does the first request").String()}
	}
	if s.Hits {
		return append([]string{rule(l, fmt.Sprintf("hits by layer of %s", Clean(m.Name)))}, hits(m.LayerHits, l, height)...)
	}
	e := s.Maps[m.Name]
	switch {
	case m.Experts == 0 && e == nil:
		return []string{rule(l, "experts"), newLine(l).say("%s has none: it is a dense model", Clean(m.Name)).String()}
	case e == nil || e.Layers < 1 || e.Experts < 1 || len(e.Heat) != e.Layers*e.Experts || len(e.Resident) != len(e.Heat):
		return []string{rule(l, "experts"), newLine(l).say("nothing is known of them yet").String()}
	}
	in := 0
	for _, r := range e.Resident {
		in += int(min(r, 1))
	}
	what := "▀ used, ▄ in memory"
	if !l.Colour {
		what = "▁▄█; on flash ·▒▓"
	}
	title := fmt.Sprintf("%s: %d layers of %d experts, %.0f%% in memory (%s)", Clean(m.Name), e.Layers, e.Experts, 100*float64(in)/float64(len(e.Heat)), what)
	return append([]string{rule(l, title)}, heatMap(e, l, height)...)
}

// heatMap draws e in at most height lines.
func heatMap(e *api.Experts, l Look, height int) []string {
	rows := min(e.Layers, max(1, height))
	columns := min(e.Experts, l.Width-labelWidth)
	wide := min(widest, max(1, (l.Width-labelWidth)/e.Experts))
	lines := make([]string, 0, rows)
	for r := range rows {
		from, to := share(r, rows, e.Layers)
		line := newLine(l).say("%*d ", labelWidth-1, from)
		for c := range columns {
			first, last := share(c, columns, e.Experts)
			heat, in := bin(e, from, to, first, last)
			for range wide {
				cell(line, heat, in)
			}
		}
		lines = append(lines, line.String())
	}
	return lines
}

// share is the ith of n even parts of all.
func share(i, n, all int) (from, to int) { return i * all / n, (i + 1) * all / n }

// bin is the mean heat of some experts, 0 to 1, and the part of them that is in
// memory.
func bin(e *api.Experts, fromLayer, toLayer, first, last int) (heat, in float64) {
	sum, resident := 0, 0
	for layer := fromLayer; layer < toLayer; layer++ {
		for i := layer*e.Experts + first; i < layer*e.Experts+last; i++ {
			sum += int(e.Heat[i])
			resident += int(min(e.Resident[i], 1))
		}
	}
	n := float64((toLayer - fromLayer) * (last - first))
	return float64(sum) / 255 / n, float64(resident) / n
}

// cell is one of the map.
func cell(line *line, heat, in float64) {
	switch {
	case line.colours:
		line.put(style{ink: ramp(heat), paper: grey(in)}, "▀")
	case in >= 0.5:
		line.put(ink(plain), level(bars, heat))
	default:
		line.put(ink(plain), level(shades, heat))
	}
}

// hits draws the hit ratio of each layer, or the mean of several.
func hits(ratios []float64, l Look, height int) []string {
	if len(ratios) == 0 {
		return []string{newLine(l).say("no expert has been wanted yet").String()}
	}
	rows := min(len(ratios), max(1, height))
	lines := make([]string, 0, rows)
	for r := range rows {
		from, to := share(r, rows, len(ratios))
		mean := 0.0
		for _, ratio := range ratios[from:to] {
			mean += ratio / float64(to-from)
		}
		line := newLine(l).say("%*d %5.1f%% ", labelWidth-1, from, 100*mean)
		cells := max(0, l.Width-line.width)
		line.fill(ink(ramp(mean)), "█", line.width+int(mean*float64(cells)))
		lines = append(lines, line.fill(ink(plain), "·", l.Width).String())
	}
	return lines
}
