package screen

import "math"

// anchors are of a ramp from dark violet over green to yellow; its lightness
// grows evenly, so that it is read without hues too.
func anchors() [5][3]float64 {
	return [5][3]float64{{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}
}

// ramp is the colour of v, 0 to 1.
func ramp(v float64) colour {
	list := anchors()
	at := min(max(v, 0), 1) * float64(len(list)-1)
	i := min(int(at), len(list)-2)
	var mixed [3]int
	for c := range mixed {
		mixed[c] = int(math.Round(list[i][c] + (at-float64(i))*(list[i+1][c]-list[i][c])))
	}
	return rgb(mixed[0], mixed[1], mixed[2])
}

// grey is the colour of a part in memory, 0 to 1: dark is on flash.
func grey(v float64) colour {
	g := 40 + int(math.Round(190*min(max(v, 0), 1)))
	return rgb(g, g, g)
}

const (
	bars   = "▁▂▃▄▅▆▇█"
	shades = "·░▒▓"
)

// level is the rune of list that v, 0 to 1, comes to.
func level(list string, v float64) string {
	runes := []rune(list)
	return string(runes[min(int(min(max(v, 0), 1)*float64(len(runes))), len(runes)-1)])
}

// sparks are values as bars, the last at the right, scaled to the greatest.
func sparks(values []float64, width int) string {
	width = max(0, width)
	values = values[max(0, len(values)-width):]
	greatest := 0.0
	for _, v := range values {
		greatest = max(greatest, v)
	}
	runes := make([]rune, 0, width)
	for range width - len(values) {
		runes = append(runes, ' ')
	}
	for _, v := range values {
		if v <= 0 {
			runes = append(runes, '·')
			continue
		}
		runes = append(runes, []rune(level(bars, v/greatest))...)
	}
	return string(runes)
}
