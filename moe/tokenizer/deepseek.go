package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ranges is a set of characters.
type ranges struct {
	ascii firsts
	pairs []rune // first and last of each range, in order
}

func (r *ranges) has(c rune) bool {
	if c < utf8.RuneSelf {
		return r.ascii[c]
	}
	i, found := slices.BinarySearch(r.pairs, c)
	return found || i%2 == 1
}

// parseRanges reads a set written as in a regular expression: characters, and
// pairs with a hyphen between for what lies between them.
func parseRanges(s string) *ranges {
	var pairs [][2]rune
	chars := []rune(s)
	for i := 0; i < len(chars); i++ {
		p := [2]rune{chars[i], chars[i]}
		if i+2 < len(chars) && chars[i+1] == '-' {
			i += 2
			p[1] = chars[i]
		}
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	r := new(ranges)
	for _, p := range pairs {
		for c := p[0]; c <= p[1] && c < utf8.RuneSelf; c++ {
			r.ascii[c] = true
		}
		if n := len(r.pairs); n > 0 && r.pairs[n-1] >= p[0]-1 {
			r.pairs[n-1] = max(r.pairs[n-1], p[1])
			continue
		}
		r.pairs = append(r.pairs, p[0], p[1])
	}
	return r
}

// runsOf isolates runs of a set, of which one white space before may be part.
func runsOf(lead bool, in func(rune) bool) cut {
	first := firstsOf(0)
	if lead {
		first = firstsOf(space)
	}
	for b := range first {
		first[b] = first[b] || in(rune(b))
	}
	return isolateFrom(first, func(s string) int {
		if r, n := utf8.DecodeRuneInString(s); lead && unicode.IsSpace(r) {
			if end := runIn(s, n, in); end > n {
				return end
			}
		}
		return runIn(s, 0, in)
	})
}

// runIn is the end of the characters from i on that in reports.
func runIn(s string, i int, in func(rune) bool) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !in(r) {
			break
		}
		i += n
	}
	return i
}

// runsOfClass is runsOf for characters that have a class of the set.
func runsOfClass(set class) cut {
	return isolateFrom(firstsOf(set|space), func(s string) int {
		c, n := at(s, 0)
		if c&space == 0 {
			n = 0
		}
		if end := run(s, n, set); end > n {
			return end
		}
		return 0
	})
}

// lineEnd isolates each \r and \n.
var lineEnd = isolateFrom(firsts{'\r': true, '\n': true}, func(s string) int {
	if s[0] == '\r' || s[0] == '\n' {
		return 1
	}
	return 0
})

// trailing isolates white space at the end.
func trailing(ends []int, s string) []int {
	if n := len(strings.TrimRightFunc(s, unicode.IsSpace)); n > 0 && n < len(s) {
		ends = append(ends, n)
	}
	return append(ends, len(s))
}

// east are the characters that the first DeepSeek models keep together: Chinese,
// but as written in their regular expression also all from U+0800 on.
const east = "\u0800-\u4e00\u4e00-\u9fa5\uac00-\ud7ff"

// deepseekLLM cuts for the first DeepSeek language models.
func deepseekLLM() cuts {
	letters, marks := parseRanges(deepseekLetters), parseRanges("!-/:-~！-／：-～‘-‟\u3000-。")
	return cuts{
		lineEnd,
		runsOf(true, letters.has),
		runsOf(true, marks.has),
		trailing,
		runsOf(false, parseRanges(east).has),
		runs(number, ""),
	}
}

// deepseekCoder cuts for DeepSeek Coder.
func deepseekCoder() cuts {
	return cuts{
		lineEnd,
		runsOfClass(letter),
		runsOfClass(punct),
		runsOf(false, parseRanges(east).has),
		single(number),
	}
}

// deepseekV3 cuts for DeepSeek V3 and R1: numbers by three, then Chinese and
// Japanese, then
//
//	[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// where !-/:-~ stands for the 32 marks of ASCII.
func deepseekV3() cuts {
	return cuts{upTo(3, number), runsOf(false, kana.has), isolate(deepseekWord)}
}

// kana are the common Chinese characters and the Japanese syllables.
var kana = parseRanges("\u3040-\u309f\u30a0-\u30ff\u4e00-\u9fa5")

// deepseekWord is the length of a match of the last expression of deepseekV3.
func deepseekWord(s string) int {
	if n := deepseekMarks(s, true); n > 0 {
		return n
	}
	if c, _ := at(s, 0); c&space != 0 {
		return blanks(s, true)
	}
	return 0
}

// deepseekMarks is deepseekWord but for white space; tail says whether line ends
// go with the punctuation before them.
func deepseekMarks(s string, tail bool) int {
	c, n := at(s, 0)
	if s[0] < utf8.RuneSelf && c&(punct|sign) != 0 {
		i := 1
		for i < len(s) && s[i] < utf8.RuneSelf && ascii[s[i]]&letter != 0 {
			i++
		}
		if i > 1 {
			return i
		}
	}
	if c&(letter|mark) != 0 {
		return run(s, n, letter|mark)
	}
	if c&(punct|sign) == 0 && s[0] != '\r' && s[0] != '\n' {
		if d, m := at(s, n); d&(letter|mark) != 0 {
			return run(s, n+m, letter|mark)
		}
	}
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	end := run(s, lead, punct|sign)
	if end == lead {
		return 0
	}
	if tail {
		end = lineEnds(s, end)
	}
	return end
}
