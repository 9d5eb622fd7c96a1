package offload

import (
	"fmt"

	"moed/flashio"
	"moed/moe/expert"
)

// Class is the experts that share slots: all of one size.
type Class struct {
	Slot    int64 // bytes of a slot
	Experts int   // how many there are
}

// Classes sorts the layers of a model as a Store does: classes by size, and the
// class of each layer, -1 for one without experts.
func Classes(t *expert.Table) (classes []Class, of []int, err error) {
	found := map[kind]int{}
	for i := range t.Layers {
		l := &t.Layers[i]
		if l.Experts == 0 {
			of = append(of, none)
			continue
		}
		k, _, err := kindOf(l)
		if err != nil {
			return nil, nil, fmt.Errorf("layer %d: %w", i, err)
		}
		at, ok := found[k]
		if !ok {
			at = len(classes)
			found[k] = at
			classes = append(classes, Class{Slot: k.slot})
		}
		classes[at].Experts += l.Experts
		of = append(of, at)
	}
	return classes, of, nil
}

// ClassesOf does so where only the bytes of an expert are known of each layer, 0
// for one without, taking its three matrices for equal.
func ClassesOf(bytes []int64, experts []int) (classes []Class, of []int) {
	found := map[int64]int{}
	for i, n := range bytes {
		if experts[i] == 0 {
			of = append(of, none)
			continue
		}
		at, ok := found[n]
		if !ok {
			at = len(classes)
			found[n] = at
			classes = append(classes, Class{Slot: 3 * room((n+2)/3)})
		}
		classes[at].Experts += experts[i]
		of = append(of, at)
	}
	return classes, of
}

// room is what a matrix of n bytes takes in a slot: a window around it wherever
// it begins in the file.
func room(n int64) int64 {
	return (n + 2*(flashio.Alignment-1)) / flashio.Alignment * flashio.Alignment
}

// Divide says how many slots each class has in a memory of that many bytes:
// shares in proportion to the bytes of its experts, at least one slot each, and
// no more than there are experts. It fails where that is more than the memory.
func Divide(classes []Class, bytes int64) ([]int, error) {
	total, least := int64(0), int64(0)
	for _, c := range classes {
		total += c.Slot * int64(c.Experts)
		least += c.Slot
	}
	if bytes < least {
		return nil, fmt.Errorf("%d bytes for experts, want at least %d: one of each size", bytes, least)
	}
	slots, left := make([]int, len(classes)), bytes
	for i, c := range classes {
		share := int64(c.Experts)
		if bytes < total {
			share = int64(float64(c.Experts) * float64(bytes) / float64(total))
		}
		slots[i] = int(max(share, 1))
		left -= int64(slots[i]) * c.Slot
	}
	for left < 0 { // the ones that had to have at least one slot
		largest := 0
		for i := range slots {
			if slots[i] > slots[largest] {
				largest = i
			}
		}
		slots[largest]--
		left += classes[largest].Slot
	}
	return slots, nil
}

// Least is the smallest Options.Bytes for a model: room for one expert of each
// size.
func Least(t *expert.Table) int64 {
	classes, _, _ := Classes(t) // New says what is wrong with a table
	n := int64(0)
	for _, c := range classes {
		n += c.Slot
	}
	return n
}

// SlotBytes is the Options.Bytes with which all experts of a model fit.
func SlotBytes(t *expert.Table) int64 {
	classes, _, _ := Classes(t) // New says what is wrong with a table
	n := int64(0)
	for _, c := range classes {
		n += c.Slot * int64(c.Experts)
	}
	return n
}
