package tokenizer

import (
	"slices"
	"sort"
	"strings"
)

// matcher finds tokens in text. Its texts are sorted, so that a text that begins
// at some place is found by narrowing a range byte by byte.
type matcher struct {
	texts []string
	ids   []int32
	first [256]bool // bytes that begin a text
}

// longestSpecial bounds the work at each place of a text, in bytes.
const longestSpecial = 256

func newMatcher(v *Vocab, ids []int32) matcher {
	ids = slices.Clone(ids)
	slices.SortStableFunc(ids, func(a, b int32) int { return strings.Compare(v.Tokens[a], v.Tokens[b]) })
	ids = slices.CompactFunc(ids, func(a, b int32) bool { return v.Tokens[a] == v.Tokens[b] })
	m := matcher{ids: ids, texts: make([]string, len(ids))}
	for i, id := range ids {
		m.texts[i] = v.Tokens[id]
		m.first[m.texts[i][0]] = true
	}
	return m
}

// next finds the first place of text where a token begins, the longest that does.
// Without one, start and end are the length of text and id is -1.
func (m *matcher) next(text string) (start, end int, id int32) {
	if len(m.texts) > 0 {
		for i := 0; i < len(text); i++ {
			if !m.first[text[i]] {
				continue
			}
			if at := m.longest(text[i:]); at >= 0 {
				return i, i + len(m.texts[at]), m.ids[at]
			}
		}
	}
	return len(text), len(text), -1
}

// longest is the index of the longest text that s begins with, or -1.
func (m *matcher) longest(s string) int {
	found, lo, hi := -1, 0, len(m.texts)
	for d := 0; d < len(s) && lo < hi; d++ {
		// All of texts[lo:hi] begin with s[:d]; one of length d comes first and is
		// passed over.
		part := m.texts[lo:hi]
		from := sort.Search(len(part), func(i int) bool { return len(part[i]) > d && part[i][d] >= s[d] })
		to := from + sort.Search(len(part)-from, func(i int) bool { return part[from+i][d] > s[d] })
		lo, hi = lo+from, lo+to
		if lo < hi && len(m.texts[lo]) == d+1 {
			found = lo
		}
	}
	return found
}

// findSpecial collects the tokens that are found in text and those that end
// generation.
func (t *Tokenizer) findSpecial() {
	var texts, special []int32
	for _, id := range []int32{t.v.EOS, t.v.EOT, t.v.EOM} {
		if id >= 0 {
			t.ends = append(t.ends, id)
		}
	}
	for i, kind := range t.v.Types {
		id, s := int32(i), t.v.Tokens[i]
		if s == "" || len(s) > longestSpecial {
			continue
		}
		switch kind {
		case UserDefined:
			texts = append(texts, id)
			special = append(special, id)
		case Control, Unknown:
			special = append(special, id)
		}
	}
	for _, s := range endTexts {
		id := t.index.find(s)
		if id < 0 {
			continue
		}
		switch t.v.kind(id) {
		case Control, UserDefined:
			t.ends = append(t.ends, id)
		case Normal:
			// Without types, all look normal and "</s>" may be HTML.
			if len(t.v.Types) == 0 && s != "</s>" {
				t.ends = append(t.ends, id)
				special = append(special, id)
			}
		}
	}
	t.notEnds()
	slices.Sort(t.ends)
	t.ends = slices.Compact(t.ends)
	t.texts, t.special = newMatcher(&t.v, texts), newMatcher(&t.v, special)
}

// endTexts are the tokens that end a turn or a text in models whose files do not
// name all of them.
var endTexts = [...]string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
	"<end_of_turn>", "<turn|>", "<|tool_response>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>",
	"<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "[e~[", "<end_of_utterance>",
	"<｜end▁of▁sentence｜>", "<|fim_pad|>", "<|fim_repo|>", "<|repo_name|>", "<|file_sep|>",
}

// notEnds takes out what only closes a part: where <|return|> and <|call|> end a
// turn (the harmony format of gpt-oss, and its kin with <|calls|> and <|flush|>),
// <|end|> ends a message within it; with <|tool_response>, </s> is HTML.
func (t *Tokenizer) notEnds() {
	has := func(s string) bool { return slices.Contains(t.ends, t.index.find(s)) }
	drop := func(s string) {
		if id := t.index.find(s); id != t.v.EOS && id != t.v.EOT && id != t.v.EOM {
			t.ends = slices.DeleteFunc(t.ends, func(e int32) bool { return e == id })
		}
	}
	call := has("<|call|>") || has("<|calls|>")
	if call && (has("<|return|>") || has("<|flush|>")) {
		drop("<|end|>")
	}
	if has("<|tool_response>") {
		drop("</s>")
	}
}

// IsEnd reports whether a model that emits this token has finished its turn.
func (t *Tokenizer) IsEnd(id int32) bool { return slices.Contains(t.ends, id) }
