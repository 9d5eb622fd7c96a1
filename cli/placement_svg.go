package cli

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"moed/placement"
)

// heats is how many steps the ramp of colours has, without that of nothing.
const heats = 9

// pictureStyle has the ramp from light to dark, on a dark page from dark to
// light: its brightness alone tells the steps apart, so that eyes that do not
// see all colours read it too.
const pictureStyle = `
svg { background: #fff; font: 12px system-ui, sans-serif }
text { fill: #222 }
.s { fill: #666 }
.h0 { fill: #f3f3f3 } .h1 { fill: #e3eefa } .h2 { fill: #c6dbef } .h3 { fill: #9ecae1 } .h4 { fill: #6baed6 }
.h5 { fill: #4292c6 } .h6 { fill: #2171b5 } .h7 { fill: #08519c } .h8 { fill: #08306b } .h9 { fill: #041a3d }
@media (prefers-color-scheme: dark) {
svg { background: #111 }
text { fill: #ddd }
.s { fill: #999 }
.h0 { fill: #1c1c1c } .h1 { fill: #0b2545 } .h2 { fill: #08386f } .h3 { fill: #0a4d96 } .h4 { fill: #1d68b4 }
.h5 { fill: #3a86cc } .h6 { fill: #62a5dd } .h7 { fill: #92c4ea } .h8 { fill: #c2dff4 } .h9 { fill: #eef7fe }
}
`

// picture is measures of the drawing, in pixels.
type picture struct {
	names, cell, row, top int // widths of names and a layer, heights of a device and of what is above
}

const (
	tallDrawing = 1600 // pixels, beyond which devices get lines and no names
	leastText   = 13   // height of a line with a name
	mostTitles  = 1 << 13
)

// drawPlan is an SVG of devices by layers: how much of each layer's work each
// device does. Copies of an expert share its work evenly. The same plan gives
// the same bytes.
func drawPlan(p *placement.Problem, a placement.Assignment, uses [][]int64, title string) []byte {
	share, most := layerShares(p, a, uses)
	d := picture{names: 150, cell: 14, row: max(1, min(22, tallDrawing/len(p.Devices))), top: 64}
	if d.row < leastText {
		d.names = 16
	}
	if len(p.Layers) > 100 {
		d.cell = max(2, 1400/len(p.Layers))
	}
	width, height := d.names+d.cell*len(p.Layers)+110, d.top+d.row*len(p.Devices)+56
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"t d\">\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n", inXML(title))
	fmt.Fprintf(&b, "<desc id=\"d\">A grid of %d devices by %d layers. The stronger a cell, the more of the layer's experts that tokens use are served by the device; the strongest is %.1f %%.</desc>\n",
		len(p.Devices), len(p.Layers), 100*most)
	fmt.Fprintf(&b, "<style>%s</style>\n", pictureStyle)
	fmt.Fprintf(&b, "<text x=\"16\" y=\"24\" font-weight=\"bold\">%s</text>\n", inXML(title))
	fmt.Fprintf(&b, "<text class=\"s\" x=\"%d\" y=\"%d\">layer</text>\n", d.names, d.top-20)
	for l := 0; l < len(p.Layers); l += max(1, 56/d.cell) {
		fmt.Fprintf(&b, "<text class=\"s\" x=\"%d\" y=\"%d\">%d</text>\n", d.names+l*d.cell, d.top-6, l)
	}
	for i := range p.Devices {
		d.device(&b, p, i, share, most)
	}
	d.legend(&b, d.top+d.row*len(p.Devices)+16, most)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// device draws one row.
func (d *picture) device(b *bytes.Buffer, p *placement.Problem, i int, share [][]float64, most float64) {
	y, name := d.top+i*d.row, inXML(p.Devices[i].Name)
	all := 0.0
	titles := len(p.Devices)*len(p.Layers) <= mostTitles
	gap := 0
	if d.row > 4 {
		gap = 1
	}
	fmt.Fprintf(b, "<g>\n")
	if d.row >= leastText {
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", d.names-8, y+d.row/2+4, inXML(shorten(p.Devices[i].Name, 20)))
	}
	for l := range p.Layers {
		all += share[i][l]
		if len(p.Layers[l]) == 0 {
			continue
		}
		fmt.Fprintf(b, "<rect class=\"h%d\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"", heat(share[i][l], most), d.names+l*d.cell, y, d.cell-1, d.row-gap)
		if titles {
			fmt.Fprintf(b, "><title>%s, layer %d: %.1f %%</title></rect>\n", name, l, 100*share[i][l])
		} else {
			b.WriteString("/>\n")
		}
	}
	if d.row >= leastText {
		fmt.Fprintf(b, "<text class=\"s\" x=\"%d\" y=\"%d\">%.1f %%</text>\n", d.names+d.cell*len(p.Layers)+8, y+d.row/2+4, 100*all/float64(max(1, busyLayers(p))))
	}
	b.WriteString("</g>\n")
}

func (d *picture) legend(b *bytes.Buffer, y int, most float64) {
	fmt.Fprintf(b, "<text class=\"s\" x=\"%d\" y=\"%d\">0 %%</text>\n", d.names, y+11)
	x := d.names + 28
	for h := range heats + 1 {
		fmt.Fprintf(b, "<rect class=\"h%d\" x=\"%d\" y=\"%d\" width=\"13\" height=\"13\"/>\n", h, x+14*h, y)
	}
	fmt.Fprintf(b, "<text class=\"s\" x=\"%d\" y=\"%d\">%.0f %% of a layer's work</text>\n", x+14*(heats+1)+6, y+11, 100*most)
}

// heat is the step of a share: 0 for nothing at all.
func heat(share, most float64) int {
	if share <= 0 || most <= 0 {
		return 0
	}
	return max(1, min(heats, int(math.Ceil(heats*share/most))))
}

// layerShares is how much of each layer's choices each device serves, devices ×
// layers, and the most of them. uses counts choices, layers × experts.
func layerShares(p *placement.Problem, a placement.Assignment, uses [][]int64) (share [][]float64, most float64) {
	share = make([][]float64, len(p.Devices))
	for d := range share {
		share[d] = make([]float64, len(p.Layers))
	}
	for l := range a {
		all := int64(0)
		for _, n := range uses[l] {
			all += n
		}
		for i, devices := range a[l] {
			for _, d := range devices {
				share[d][l] += float64(uses[l][i]) / float64(max(1, all)*int64(len(devices)))
			}
		}
	}
	for d := range share {
		for _, s := range share[d] {
			most = max(most, s)
		}
	}
	return share, most
}

// busyLayers is how many layers have experts.
func busyLayers(p *placement.Problem) int {
	n := 0
	for _, sizes := range p.Layers {
		if len(sizes) > 0 {
			n++
		}
	}
	return n
}

// inXML escapes text, and takes out what XML cannot hold.
func inXML(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // to a Builder it does not fail
	return b.String()
}
