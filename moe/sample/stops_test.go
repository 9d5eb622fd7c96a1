package sample_test

import (
	"strings"
	"testing"

	"moed/moe/sample"
)

func TestStops(t *testing.T) {
	tests := map[string]struct {
		stops  []string
		pieces []string
		want   []string // what each Add lets through
		flush  string
		found  bool
	}{
		"none":               {nil, []string{"a", "b"}, []string{"a", "b"}, "", false},
		"empty ones":         {[]string{"", ""}, []string{"a"}, []string{"a"}, "", false},
		"in one piece":       {[]string{"\n\n"}, []string{"one\n\ntwo"}, []string{"one"}, "", true},
		"across pieces":      {[]string{"User:"}, []string{"hi Us", "er", ": x"}, []string{"hi ", "", ""}, "", true},
		"a false start":      {[]string{"User:"}, []string{"hi Us", "ual"}, []string{"hi ", "Usual"}, "", false},
		"starts again":       {[]string{"aab"}, []string{"aa", "a", "b"}, []string{"", "a", ""}, "", true},
		"held to the end":    {[]string{"abc"}, []string{"xab"}, []string{"x"}, "ab", false},
		"first to complete":  {[]string{"abcd", "bc"}, []string{"abcd"}, []string{"a"}, "", true},
		"longest at one end": {[]string{"c", "bc", "xbc"}, []string{"abc"}, []string{"a"}, "", true},
		"nothing before":     {[]string{"a"}, []string{"a"}, []string{""}, "", true},
		"nothing after":      {[]string{"."}, []string{"a.", "b", "c"}, []string{"a", "", ""}, "", true},
		"of many bytes":      {[]string{"é"}, []string{"caf", "é", "x"}, []string{"caf", "", ""}, "", true},
		"empty pieces":       {[]string{"ab"}, []string{"", "a", "", "b"}, []string{"", "", "", ""}, "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := sample.NewStops(test.stops)
			var found bool
			for i, piece := range test.pieces {
				var got string
				if got, found = s.Add(piece); got != test.want[i] {
					t.Errorf("piece %d %q: got %q, want %q", i, piece, got, test.want[i])
				}
			}
			if found != test.found {
				t.Errorf("found is %v", found)
			}
			if got := s.Flush(); got != test.flush {
				t.Errorf("held back %q, want %q", got, test.flush)
			}
		})
	}
}

// FuzzStops: however the text is cut, the same comes out, and it is the text
// before the stop string that ends first.
func FuzzStops(f *testing.F) {
	f.Add("abcabd", "abd", "ca", uint8(2))
	f.Add("aaaab", "aab", "", uint8(1))
	f.Add("", "x", "y", uint8(0))
	f.Fuzz(func(t *testing.T, text, stop1, stop2 string, step uint8) {
		if len(text) > 200 {
			return
		}
		want, wantFound := text, false
		first := len(text) + 1
		for _, stop := range []string{stop1, stop2} {
			if i := strings.Index(text, stop); stop != "" && i >= 0 {
				end := i + len(stop)
				if end < first || end == first && i < len(want) {
					first, want, wantFound = end, text[:i], true
				}
			}
		}
		s := sample.NewStops([]string{stop1, stop2})
		var got strings.Builder
		found := false
		for rest := text; rest != ""; {
			n := min(int(step%5)+1, len(rest))
			var out string
			out, found = s.Add(rest[:n])
			got.WriteString(out)
			rest = rest[n:]
		}
		if !found {
			got.WriteString(s.Flush())
		}
		if got.String() != want || found != wantFound {
			t.Errorf("%q stopped at %q, %q: got %q %v, want %q %v", text, stop1, stop2, got.String(), found, want, wantFound)
		}
	})
}
