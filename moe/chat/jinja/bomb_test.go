package jinja

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// watchHeap runs f and gives the largest heap seen meanwhile, above that at
// the start.
func watchHeap(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	start, peak := m.HeapInuse+m.StackInuse, uint64(0)
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if now := m.HeapInuse + m.StackInuse; now > start {
				peak = max(peak, now-start)
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	f()
	close(stop)
	watch.Wait()
	return peak
}

func TestBombs(t *testing.T) {
	deep := func(open, mid, end string, n int) string {
		return strings.Repeat(open, n) + mid + strings.Repeat(end, n)
	}
	for _, c := range []struct{ name, source, want string }{
		{"wide range", "{% for i in range(10**9) %}x{% endfor %}", "at most 100000"},
		{"range of extremes", "{% for i in range(-2**62, 2**61) %}x{% endfor %}", "beyond 64 bits"},
		{"nested loops", "{% for i in range(999) %}{% for j in range(999) %}{% for k in range(999) %}{% endfor %}{% endfor %}{% endfor %}", "too many steps|too much memory"},
		{"output", "{% for i in range(99999) %}" + strings.Repeat("x", 1000) + "{% endfor %}", "bytes of text"},
		{"repeated string", "{{ 'a' * 10**9 }}", "too much memory"},
		{"repeated list", "{{ ([1] * 10**12)|length }}", "too much memory"},
		{"repeated beyond int", "{{ 'aaaa' * 4000000000000000000 }}", "too much memory"},
		{"doubled string", "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "too much memory"},
		{"doubled by ~", "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "too much memory"},
		{"doubled list", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "too much memory"},
		{"replaced", "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s|replace('a', 'aaaa') %}{% endfor %}", "too much memory"},
		{"joined", "{% set s = 'a' * 1000000 %}{{ ([s] * 1000)|join(s) }}", "bytes of text"},
		{"indented", "{{ ('\\n' * 1000000)|indent(1000) }}", "too much memory"},
		{"split", "{% set s = ',' * 1000000 %}{% for i in range(99) %}{% set x = s.split(',') %}{% endfor %}", "too much memory"},
		{"captured", "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set x %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = x %}{% endfor %}", "too much memory|bytes of text"},
		{"shared list as text", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}", "too many steps|bytes of text|too much memory"},
		{"shared list as JSON", "{% set ns = namespace(s={}) %}{% for i in range(60) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s|tojson(indent=64) }}", "bytes of text"},
		{"shared lists compared", "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}", "too many steps"},
		{"shared lists ordered", "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s < ns.t }}", "too many steps"},
		{"deep value", "{% set ns = namespace(s=[]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}", "nested deeper"},
		{"macro without end", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests deeper"},
		{"macro in its argument", "{% macro f(a) %}{{ f(f(a)) }}{% endmacro %}{{ f(1) }}", "nests deeper"},
		{"macro tree", "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}", "too many steps"},
		{"caller without end", "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}", "nests deeper"},
		{"recursive loop", "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}", "nests deeper"},
		{"map of map", "{{ 'a'|map(" + strings.Repeat("'map',", 40000) + "'list')|list }}", "nests deeper"},
		{"deep parentheses", "{{ " + deep("(", "1", ")", 80000) + " }}", "nested deeper"},
		{"deep lists", "{{ " + deep("[", "", "]", 80000) + " }}", "nested deeper"},
		{"many nots", "{{ " + strings.Repeat("not ", 60000) + "1 }}", "nested deeper"},
		{"many signs", "{{ " + strings.Repeat("-", 200000) + "1 }}", "nested deeper"},
		{"many conditions", "{{ " + strings.Repeat("1 if 0 else ", 20000) + "1 }}", "nested deeper"},
		{"deep ifs", deep("{% if 1 %}", "", "{% endif %}", 10000), "nested deeper"},
		{"long sum", "{{ 1" + strings.Repeat("+1", 120000) + " }}", "nests deeper"},
		{"long path", "{{ a" + strings.Repeat("[0]", 80000) + " }}", "nests deeper"},
		{"many filters", "{{ a" + strings.Repeat("|d", 120000) + " }}", "nests deeper"},
		{"long source", strings.Repeat("a", maxSource+1), "at most"},
		{"sorting", "{% set l = range(99999)|list|reverse|list %}{% for i in range(99) %}{% set x = l|sort %}{% endfor %}", "too many steps|too much memory"},
		{"stripping", "{% set s = 'ab' * 4000000 %}{% for i in range(9999) %}{% set x = s.strip('xba') %}{% endfor %}", "too many steps"},
		{"searching", "{% set s = 'a' * 8000000 %}{% for i in range(9999) %}{% set x = 'b' in s %}{% endfor %}", "too many steps"},
		{"classifying", "{% set s = 'a' * 8000000 %}{% for i in range(9999) %}{% set x = s.isalpha() %}{% endfor %}", "too many steps"},
		{"dates", "{% set s = '%c' * 10000 %}{% for i in range(9999) %}{% set x = strftime_now(s) %}{% endfor %}", "too much memory"},
		{"JSON", "{% set s = '[' ~ '{},' * 150000 ~ '{}]' %}{% for i in range(999) %}{% set x = s|from_json %}{% endfor %}", "too much memory"},
		{"power", "{{ 10 ** 10 ** 10 }}", "beyond 64 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			begin := time.Now()
			peak := watchHeap(func() { _, err = render(c.source, &Vars{}) })
			took := time.Since(begin)
			if err == nil {
				t.Fatal("no error")
			}
			ok := false
			for w := range strings.SplitSeq(c.want, "|") {
				ok = ok || strings.Contains(err.Error(), w)
			}
			if !ok || len(err.Error()) > 300 {
				t.Errorf("got %.400v, want %q", err, c.want)
			}
			if took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			if peak > 100<<20 {
				t.Errorf("used %d MB", peak>>20)
			}
			t.Logf("%v, %d MB: %v", took.Round(time.Millisecond), peak>>20, err)
		})
	}
}

func TestRenderStopsWithContext(t *testing.T) {
	tmpl, err := Parse("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	_, err = tmpl.Render(ctx, &Vars{}, fixedNow, Limits{Steps: 1 << 40})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

func TestRenderConcurrently(t *testing.T) {
	raw, vectors := readVectors(t)
	vars := varsOf(t, raw)
	type pair struct {
		tmpl *Template
		want string
	}
	var all []pair
	for _, v := range vectors {
		if tmpl, err := Parse(*v[0]); err == nil && v[1] != nil {
			all = append(all, pair{tmpl, *v[1]})
		}
	}
	var g sync.WaitGroup
	errs := make(chan error, 8*len(all))
	for range 8 {
		g.Go(func() {
			for _, p := range all {
				got, err := p.tmpl.Render(context.Background(), vars, fixedNow, Limits{})
				if err != nil || got != p.want {
					errs <- fmt.Errorf("got %q, %v, want %q", got, err, p.want)
				}
			}
		})
	}
	g.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}
