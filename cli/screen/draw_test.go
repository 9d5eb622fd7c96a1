package screen

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"moed/daemon/api"
)

var rewrite = flag.Bool("rewrite", false, "write the golden pictures anew")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// state is a daemon at work, with a model of so many layers and experts.
func state(layers, experts int) *State {
	e := &api.Experts{Model: "qwen3-30b-a3b", Layers: layers, Experts: experts}
	var hits []float64
	for layer := range layers {
		for i := range experts {
			wave := math.Sin(float64(i)/3+float64(layer)) + math.Cos(float64(i*layer)/7)
			heat := byte(255 * (wave + 2) / 4)
			e.Heat = append(e.Heat, heat)
			e.Resident = append(e.Resident, heat>>7)
		}
		hits = append(hits, 0.5+float64(layer)/float64(2*layers))
	}
	s := &State{Now: noon, Maps: map[string]*api.Experts{e.Model: e}, Chosen: "01J0002"}
	for i := range 90 {
		s.Rates = append(s.Rates, max(0, 10+5*math.Sin(float64(i)/6)-float64(i%30)/4))
	}
	s.Status = &api.Status{
		Version: "0.1.0", PID: 4711, Began: noon.Add(-3 * time.Hour), Others: 2,
		Budget:   api.Budget{Total: 6e9, Used: 5.1e9},
		Memory:   api.Memory{Dense: 1.2e9, Experts: 3.1e9, KV: 4e8, Prefix: 1.5e8, Scratch: 1e8, Heap: 1.5e8},
		Totals:   api.Totals{Tokens: 12345, HitRatio: 0.931, FlashBytes: 120e9, FlashRate: 1.21e9, Rate: 12.34, Stall: 83},
		Pressure: api.Pressure{Known: true, Some: 0.5},
		Models: []api.Model{{Name: "dense-1b", State: "loading", Loaded: 0.43},
			{Name: e.Model, State: "ready", Layers: layers, Experts: experts, LayerHits: hits}},
		Requests: []api.Request{
			{ID: "01J0003", Model: e.Model, UID: 1000, PID: 99, Phase: "queued", Began: noon.Add(-time.Second), Prompt: 12},
			{ID: "01J0001", Model: e.Model, UID: 1000, PID: 42, Phase: "decode", Began: noon.Add(-time.Minute), Prompt: 900, Read: 900, Generated: 321, Rate: 7.5},
			{ID: "01J0002", Model: e.Model, UID: 33, PID: 7, Phase: "prefill", Began: noon.Add(-10 * time.Second), Prompt: 4000, Cached: 100, Read: 1240},
		},
	}
	return s
}

func TestPictures(t *testing.T) {
	hits := state(24, 60)
	hits.Hits, hits.Sort, hits.Ask, hits.Paused = true, SortRate, "cancel 01J0002?", true
	help := state(24, 60)
	help.Help = true
	tests := []struct {
		name string
		s    *State
		look Look
	}{
		{"80x24", state(24, 60), Look{80, 24, false}},
		{"120x40", state(48, 128), Look{120, 40, false}},
		{"200x60", state(94, 160), Look{200, 60, false}},
		{"60x16", state(94, 160), Look{60, 16, false}},
		{"80x24-colour", state(6, 8), Look{80, 24, true}},
		{"120x40-colour", state(6, 8), Look{120, 40, true}},
		{"200x60-colour", state(6, 8), Look{200, 60, true}},
		{"80x24-hits", hits, Look{80, 24, false}},
		{"80x24-help", help, Look{80, 24, false}},
		{"30x5", state(6, 8), Look{30, 5, false}},
		{"80x24-none", &State{Note: "no moed daemon answers"}, Look{80, 24, false}},
		{"80x24-idle", &State{Now: noon, Status: &api.Status{Version: "0.1.0", Began: noon, Budget: api.Budget{Total: 6e9, Used: 3e7}, Totals: api.Totals{HitRatio: 1}}}, Look{80, 24, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines := Draw(test.s, test.look)
			check(t, lines, test.look)
			got := strings.Join(lines, "\n") + "\n"
			path := filepath.Join("testdata", test.name+".txt")
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("another picture (-rewrite writes it):\n%s", cmp.Diff(string(want), got))
			}
		})
	}
}

// check holds what is true of every picture.
func check(t *testing.T, lines []string, l Look) {
	t.Helper()
	if len(lines) > l.Height {
		t.Errorf("%d lines, want %d at most", len(lines), l.Height)
	}
	for i, text := range lines {
		if w := lipgloss.Width(text); w > l.Width {
			t.Errorf("line %d has %d cells, want %d at most: %q", i, w, l.Width, text)
		}
		if !l.Colour && strings.Contains(text, "\x1b") {
			t.Errorf("line %d has colours: %q", i, text)
		}
		if bare := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(text, ""); strings.ContainsFunc(bare, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("line %d steers the terminal: %q", i, text)
		}
	}
}

// Whatever the sizes of terminal and model, and whatever the names, a picture
// stays within the terminal and steers nothing.
func FuzzDraw(f *testing.F) {
	f.Add(80, 24, 24, 60, "name", true, false)
	f.Add(41, 12, 94, 160, "\x1b]0;title\a\x1b[2J", false, true)
	f.Add(0, 0, 1, 1, "深い森\u202e", true, true)
	f.Add(200, 13, 300, 3, "a\u0301\u200d\ufe0f", false, false)
	f.Fuzz(func(t *testing.T, width, height, layers, experts int, name string, colour, hits bool) {
		width, height = min(max(width, 0), 300), min(max(height, 0), 100)
		s := state(min(max(layers, 1), 200), min(max(experts, 1), 400))
		s.Hits, s.Chosen = hits, name
		s.Status.Version, s.Ask = name, ""
		s.Maps[name] = s.Maps["qwen3-30b-a3b"]
		s.Status.Models[1].Name, s.Status.Models[0].State = name, name
		for i := range s.Status.Requests {
			r := &s.Status.Requests[i]
			r.ID, r.Model, r.Token, r.Phase = name, name, name, name
		}
		l := Look{width, height, colour}
		check(t, Draw(s, l), l)
	})
}

func TestMapBins(t *testing.T) {
	e := &api.Experts{Model: "m", Layers: 4, Experts: 4,
		Heat:     []byte{0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128},
		Resident: []byte{0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0}}
	heat, in := bin(e, 0, 2, 0, 2)
	if heat != 0.25 || in != 0 {
		t.Errorf("upper left: %v, %v", heat, in)
	}
	if heat, in = bin(e, 2, 4, 0, 2); heat != 0 || in != 0.5 {
		t.Errorf("lower left: %v, %v", heat, in)
	}
	got := heatMap(e, Look{Width: labelWidth + 2, Height: 50}, 2)
	if want := []string{"   0 ░▁", "   2 ▁·"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRampGrowsLighter(t *testing.T) {
	before := -1.0
	for i := range 101 {
		c := ramp(float64(i) / 100)
		light := 0.2126*float64(c>>16) + 0.7152*float64(c>>8&255) + 0.0722*float64(c&255)
		if light <= before {
			t.Fatalf("at %d: lightness %v after %v", i, light, before)
		}
		before = light
	}
}

func TestSorts(t *testing.T) {
	s := state(1, 1)
	for sort, want := range map[string]string{
		"":         "[01J0001 01J0002 01J0003]",
		SortUser:   "[01J0002 01J0001 01J0003]",
		SortTokens: "[01J0002 01J0001 01J0003]",
		SortRate:   "[01J0001 01J0002 01J0003]",
	} {
		s.Sort = sort
		var ids []string
		for _, r := range s.Requests() {
			ids = append(ids, r.ID)
		}
		if fmt.Sprint(ids) != want {
			t.Errorf("by %q: %v, want %s", sort, ids, want)
		}
	}
}
