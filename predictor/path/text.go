package path

import (
	"fmt"
	"slices"
)

// Text is what training learns from: the tokens of a text and what they chose.
type Text struct {
	IDs []int32
	// Chosen is by layer: [len(IDs)][TopK], with negative numbers where it is
	// unknown; nil for a layer without experts.
	Chosen [][]int32
}

func (t *Text) check(id *Identity) error {
	if len(t.Chosen) != len(id.Experts) {
		return fmt.Errorf("found %d layers, want %d", len(t.Chosen), len(id.Experts))
	}
	for at, x := range t.IDs {
		if x < 0 || int(x) >= id.Vocab {
			return fmt.Errorf("found token %d at %d, which a vocabulary of %d does not have", x, at, id.Vocab)
		}
	}
	for layer, chosen := range t.Chosen {
		if experts := id.Experts[layer]; experts > 0 {
			if len(chosen) != len(t.IDs)*id.TopK {
				return fmt.Errorf("layer %d: found %d choices of %d tokens, want %d of each", layer, len(chosen), len(t.IDs), id.TopK)
			}
			if i := slices.IndexFunc(chosen, func(e int32) bool { return int(e) >= experts }); i >= 0 {
				return fmt.Errorf("layer %d: found expert %d of %d", layer, chosen[i], experts)
			}
		}
	}
	return nil
}

// span is a part of a text.
type span struct {
	text     *Text
	rows     []int32 // of all the text's tokens
	from, to int     // tokens
}

func tokens(spans []span) int {
	n := 0
	for _, s := range spans {
		n += s.to - s.from
	}
	return n
}

const (
	// wholeTexts is from how many texts on whole ones are held out, so that the
	// result is about texts that were never seen. Of fewer, the ends are.
	wholeTexts = 10
	// least is how many tokens must be there to learn from.
	least = 256
)

// divide parts the texts for training (eight tenths), for telling when to stop
// and for judging the result (a tenth each).
func divide(texts []Text) (train, stop, judge []span) {
	for i := range texts {
		t := &texts[i]
		n := len(t.IDs)
		if len(texts) < wholeTexts {
			train = append(train, span{text: t, to: n * 8 / 10})
			stop = append(stop, span{text: t, from: n * 8 / 10, to: n * 9 / 10})
			judge = append(judge, span{text: t, from: n * 9 / 10, to: n})
			continue
		}
		into := &train
		switch i % 10 {
		case 4:
			into = &stop
		case 9:
			into = &judge
		}
		*into = append(*into, span{text: t, to: n})
	}
	return train, stop, judge
}

// vocabulary is the tokens that come at least twice in spans, ascending, of the
// most frequent ones at most maxRows.
func vocabulary(spans []span) []int32 {
	counts := map[int32]int{}
	for _, s := range spans {
		for _, id := range s.text.IDs[s.from:s.to] {
			counts[id]++
		}
	}
	var ids []int32
	for id, n := range counts {
		if n > 1 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b int32) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return int(a - b)
	})
	ids = ids[:min(len(ids), maxRows)]
	slices.Sort(ids)
	return ids
}
