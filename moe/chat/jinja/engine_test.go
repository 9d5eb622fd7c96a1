package jinja

import (
	"strings"
	"testing"
)

// TestBeyondJinja covers what the chat templates' surroundings add to Jinja.
func TestBeyondJinja(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"{% generation %}a{{ 1 }}{% endgeneration %}b", "a1b"},
		{`{{ '{"b": [1.0, 2], "a": "é"}'|from_json|tojson }}`, `{"b": [1.0, 2], "a": "é"}`},
		{"{{ 12345678901234567890|string if false else 'x' }}", ""},
		{"{{ s|tojson }}", `"<&>'\"\\\n\u0001é😀"`},
		{"{{ strftime_now('%Q %-Q %') }}", "%Q %-Q %"},
	} {
		var vars Vars
		if err := vars.Set("s", "<&>'\"\\\n\x01é😀"); err != nil {
			t.Fatal(err)
		}
		got, err := render(c.source, &vars)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s gives %q", c.source, got)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s gives %q, %v; want %q", c.source, got, err, c.want)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"a\nb\n{{ x.y }}", "line 3: undefined x has no attribute \"y\""},
		{"\n{% if x.y %}{% endif %}", "line 2: undefined x"},
		{"{% macro f() %}\n{{ 1 + none }}{% endmacro %}\n\n{{ f() }}", "line 2: an integer + none is not possible"},
		{"\n\n{% for a, b in [1] %}{% endfor %}", "line 3: an integer cannot be looped over"},
		{"{#\n\n#}{{ 'a'|int(1, 2) }}", "line 3: filter int: 2 arguments given, at most 1 wanted"},
		{"\n{{ a b }}", "line 2: found \"b\" where \"}}\" was expected"},
		{"\n{% if a %}", "line 2: the template ends where \"endif\" was expected"},
		{"{{ a|shout }}", "line 1: unknown filter \"shout\""},
	} {
		_, err := render(c.source, &Vars{})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.source, err, c.want)
		}
	}
}

func TestVarsRefuseForeignValues(t *testing.T) {
	var vars Vars
	if err := vars.Set("x", struct{}{}); err == nil {
		t.Error("a struct is taken")
	}
}
