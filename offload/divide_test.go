package offload

import (
	"slices"
	"strings"
	"testing"
)

func TestDivide(t *testing.T) {
	two := []Class{{Slot: 100, Experts: 30}, {Slot: 50, Experts: 40}}
	for _, c := range []struct {
		name    string
		classes []Class
		bytes   int64
		want    []int
	}{
		{"everything", two, 5000, []int{30, 40}},
		{"more than everything", two, 1 << 40, []int{30, 40}},
		{"half", two, 2500, []int{15, 20}},
		{"the least", two, 150, []int{1, 1}},
		{"one at least", []Class{{Slot: 1000, Experts: 1}, {Slot: 10, Experts: 900}}, 1500, []int{1, 50}},
		{"one class", []Class{{Slot: 7, Experts: 10}}, 50, []int{7}},
	} {
		got, err := Divide(c.classes, c.bytes)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: found %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	if _, err := Divide(two, 149); err == nil || !strings.Contains(err.Error(), "149 bytes for experts, want at least 150") {
		t.Errorf("found %v", err)
	}
}

// TestDivideFits: any memory from the least up holds the slots that it is
// divided into, at least one of each.
func TestDivideFits(t *testing.T) {
	classes := []Class{{Slot: 4096, Experts: 8}, {Slot: 131072, Experts: 3}, {Slot: 12288, Experts: 100}}
	for bytes := int64(147456); bytes < 2<<20; bytes += 1777 {
		slots, err := Divide(classes, bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for i, n := range slots {
			sum += int64(n) * classes[i].Slot
			if n < 1 || n > classes[i].Experts {
				t.Fatalf("%d bytes: %d slots of class %d", bytes, n, i)
			}
		}
		if sum > bytes {
			t.Fatalf("%d bytes: slots of %d", bytes, sum)
		}
	}
}

// TestClassesOf: layers of one size share a class, and one without experts has
// none.
func TestClassesOf(t *testing.T) {
	classes, of := ClassesOf([]int64{0, 3 << 20, 6 << 20, 3 << 20}, []int{0, 8, 8, 8})
	if !slices.Equal(of, []int{-1, 0, 1, 0}) || len(classes) != 2 || classes[0].Experts != 16 || classes[1].Experts != 8 {
		t.Errorf("found %+v, %v", classes, of)
	}
	for i, n := range []int64{3 << 20, 6 << 20} {
		if slot := classes[i].Slot; slot < n || slot > n+3*2*4096 {
			t.Errorf("a slot of %d bytes for experts of %d", slot, n)
		}
	}
}
