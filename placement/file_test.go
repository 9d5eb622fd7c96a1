package placement

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

// planned is a small plan as a file has it.
func planned(t testing.TB) *File {
	t.Helper()
	p := Problem{Layers: Uniform(2, 4, 1000), Copies: 2, Request: 10, Answer: 20, Home: "box1",
		Devices: []Device{{Name: "a \"quoted\" {[name", Host: "box1", Path: "/mnt/a", Capacity: 6000, Rate: 1e6, Latency: time.Millisecond},
			{Name: "b", Host: "box2", Capacity: 5000, Rate: 2e6}},
		Links: []Link{{A: "box1", B: "box2", Latency: time.Millisecond, Rate: 1e9}}}
	plan, err := Solve(&p, Options{Effort: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	return &File{Model: Model{Name: "m", Size: 12, Header: strings.Repeat("0f", 32)}, Problem: p, Plan: *plan}
}

func TestFile(t *testing.T) {
	want := planned(t)
	var text bytes.Buffer
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text.String(), "\n"); n < 20 || n > 60 {
		t.Errorf("written in %d lines:\n%s", n, text.String())
	}
	got, err := ReadFile(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	want.Version = FileVersion
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
	broken := *want
	broken.Assignment = broken.Assignment[1:]
	if err := broken.Write(&text); err == nil {
		t.Error("a plan that does not fit is written")
	}
}

func TestReadFileRefuses(t *testing.T) {
	var text bytes.Buffer
	if err := planned(t).Write(&text); err != nil {
		t.Fatal(err)
	}
	good := text.String()
	for _, c := range []struct{ from, to, want string }{
		{good, "", "not a plan"},
		{good, "[]", "not a plan"},
		{good, "{}", "version 0"},
		{`"version": 1`, `"version": 2`, "version 2"},
		{`"version":1`, `"version":2`, "version 2"},
		{`"moved":`, `"mowed":`, "mowed"},
		{`"capacity":6000`, `"capacity":-1`, "capacity"},
		{`"capacity":6000`, `"capacity":60`, "room"},
		{`"assignment":[`, `"assignment":[[[0]],`, "layers"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			continue // one of the two ways to write it
		}
		if _, err := ReadFile(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q for %q: %v, want …%s…", c.to, c.from, err, c.want)
		}
	}
	if _, err := ReadFile(strings.NewReader(good + "{}")); err == nil || !strings.Contains(err.Error(), "not a plan") {
		t.Errorf("more after it: %v", err)
	}
}

func FuzzReadFile(f *testing.F) {
	var text bytes.Buffer
	if err := planned(f).Write(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"version":1,"layers":[[1]],"devices":[{"name":"a","capacity":9,"rate":1}],"assignment":[[[0]]]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := ReadFile(bytes.NewReader(content))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := got.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(&again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
