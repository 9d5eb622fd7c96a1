package team

import (
	"slices"
	"testing"
	"time"

	"moed/daemon"
	"moed/daemon/cluster"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/stories"
	"moed/offload/hosts"
	"moed/placement"
)

// model is the built-in one as a coordinator has it that holds a part of it.
func model(t *testing.T, part int64) *daemon.Led {
	t.Helper()
	im, err := gguf.FromBytes(stories.GGUF())
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(im.File, moe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &daemon.Led{Name: "story", Identity: "0123", Table: fp.Table, Hidden: fp.Config.Hidden, TopK: fp.Config.TopK, Bytes: size(fp.Table) / part}
}

func size(t *expert.Table) int64 {
	all := int64(0)
	for i := range t.Layers {
		all += int64(t.Layers[i].Experts) * t.Layers[i].Bytes()
	}
	return all
}

func box(name, id string, room int64) cluster.Member {
	return cluster.Member{Name: name, Models: []cluster.Holding{{ID: "another", Room: 1}, {ID: id, Room: room}}}
}

// TestArrange: a model that fits into three hosts' memory lies there, in equal
// parts, and nothing is left to the disk.
func TestArrange(t *testing.T) {
	m := model(t, 2)
	all := size(m.Table)
	f, err := arrange(m, "home", []cluster.Member{box("a", "x", all/2), box("b", "x", all/2)}, "x", func(string) time.Duration { return usualLatency })
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Assignment.Check(&f.Problem); err != nil {
		t.Fatal(err)
	}
	_, a := shareOf(f, "a")
	_, b := shareOf(f, "b")
	_, home := shareOf(f, "home")
	if a == 0 || b == 0 || home == 0 {
		t.Errorf("home has %d experts, a %d and b %d", home, a, b)
	}
	for l, experts := range f.Assignment {
		for e, devices := range experts {
			if slices.Contains(devices, 3) {
				t.Errorf("expert %d of layer %d is left to the disk", e, l)
			}
		}
	}
}

// TestArrangeTight: where the memory of all is too small, what is used most is
// held, and the rest is read.
func TestArrangeTight(t *testing.T) {
	m := model(t, 4)
	m.Share = func(dst []float32, layer int) []float32 {
		for e := range m.Table.Layers[layer].Experts {
			dst = append(dst, 1/float32(1+e))
		}
		return dst
	}
	f, err := arrange(m, "home", []cluster.Member{box("a", "x", size(m.Table)/4)}, "x", func(string) time.Duration { return usualLatency })
	if err != nil {
		t.Fatal(err)
	}
	for l, experts := range f.Assignment {
		if slices.Contains(experts[0], 2) {
			t.Errorf("layer %d: the expert that is used most is left to the disk", l)
		}
	}
	last := 0
	for _, experts := range f.Assignment {
		if slices.Contains(experts[len(experts)-1], 2) {
			last++
		}
	}
	if last < len(f.Assignment)/2 {
		t.Errorf("the expert that is used least is left to the disk in %d of %d layers", last, len(f.Assignment))
	}
}

// FuzzDecodePut: what comes over the network is a plan or an error.
func FuzzDecodePut(f *testing.F) {
	f.Add([]byte(`{"auto":true,"plan":{"version":1,"layers":[[1]],"devices":[{"name":"a","host":"a","capacity":9,"rate":1}],"assignment":[[[0]]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, file, err := decodePut(data)
		if err != nil {
			return
		}
		follow(file, "a", 1)
		if _, n := shareOf(file, "a"); n < 0 {
			t.Fatal("fewer than none")
		}
	})
}

// TestFollow: what a plan's file says of links and of moving is what hosts go by.
func TestFollow(t *testing.T) {
	f := &placement.File{Problem: placement.Problem{Moving: true, Remote: placement.Link{Answers: placement.F16},
		Links:   []placement.Link{{A: "b", B: "home"}},
		Devices: []placement.Device{{Host: "home"}, {Host: "a"}, {Host: "b"}, {Host: "b"}}},
		Plan: placement.Plan{Assignment: placement.Assignment{{{0}, {1}}, {{2}, {3}}, {}, {{0}, {0}}}}}
	p := follow(f, "home", 3)
	if !slices.Equal(p.Hosts, []string{"a", "b"}) || !slices.Equal(p.Half, []bool{true, false}) || !slices.Equal(p.Whole(), []int16{hosts.Here, 1, hosts.Here, hosts.Here}) {
		t.Errorf("%+v, whole %v", p, p.Whole())
	}
	if whole := wholeOf(f, "b"); !slices.Equal(whole, []bool{false, true, false, false}) {
		t.Errorf("b runs %v", whole)
	}
}
