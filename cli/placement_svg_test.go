package cli

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"moed/placement"
)

// TestDrawPlan: what is drawn is XML whatever devices are called, the same each
// time, and says in words what it shows.
func TestDrawPlan(t *testing.T) {
	hostile := "</text><script>alert('x')</script>&\"\x00\x1b]"
	p := &placement.Problem{Layers: [][]int64{{1, 1}, nil, {1, 1}}, Devices: []placement.Device{{Name: hostile}, {Name: "b"}}}
	a := placement.Assignment{{{0}, {1}}, nil, {{0, 1}, {1}}}
	uses := [][]int64{{3, 1}, nil, {4, 0}}
	svg := drawPlan(p, a, uses, "a model called "+hostile)
	found := map[string]int{}
	texts := elements(t, svg, found)
	if found["script"] > 0 || found["svg"] != 1 || found["desc"] != 1 || found["style"] != 1 {
		t.Errorf("found elements %v", found)
	}
	if cells, legend := 4, heats+1; found["rect"] != cells+legend || found["title"] != cells+1 {
		t.Errorf("found %d rectangles and %d titles, want %d and %d", found["rect"], found["title"], cells+legend, cells+1)
	}
	for _, want := range []string{"</text><script>", "b, layer 0: 25.0 %", "b, layer 2: 50.0 %", "A grid of 2 devices by 3 layers"} {
		if !strings.Contains(texts, want) {
			t.Errorf("no text has %q", want)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", `role="img"`, `aria-labelledby="t d"`, `class="h9"`} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("nowhere is %q", want)
		}
	}
	if !bytes.Equal(svg, drawPlan(p, a, uses, "a model called "+hostile)) {
		t.Error("the same plan is drawn in two ways")
	}
}

// TestDrawManyDevices: the drawing stays of a size that can be looked at.
func TestDrawManyDevices(t *testing.T) {
	p := &placement.Problem{Layers: placement.Uniform(60, 1000, 1)}
	a, uses := make(placement.Assignment, 60), make([][]int64, 60)
	for l := range a {
		uses[l] = make([]int64, 1000)
		for i := range 1000 {
			a[l] = append(a[l], []int{i})
			uses[l][i] = int64(i)
		}
	}
	p.Devices = make([]placement.Device, 1000)
	svg := drawPlan(p, a, uses, "many")
	if found := map[string]int{}; elements(t, svg, found) == "" || found["rect"] != 60*1000+heats+1 || found["title"] != 1 {
		t.Errorf("found elements %v", found)
	}
	if len(svg) > 8<<20 {
		t.Errorf("the drawing has %d bytes", len(svg))
	}
}

// elements counts those of a document, and returns its texts.
func elements(t *testing.T, doc []byte, count map[string]int) string {
	t.Helper()
	var texts strings.Builder
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			count[token.Name.Local]++
		case xml.CharData:
			texts.Write(token)
			texts.WriteByte('\n')
		}
	}
}

func TestHeat(t *testing.T) {
	for _, c := range []struct {
		share, most float64
		want        int
	}{{0, 1, 0}, {0, 0, 0}, {1e-9, 1, 1}, {1, 1, heats}, {0.5, 1, 5}, {0.2, 0.2, heats}} {
		if got := heat(c.share, c.most); got != c.want {
			t.Errorf("heat of %v of %v is %d, want %d", c.share, c.most, got, c.want)
		}
	}
}
