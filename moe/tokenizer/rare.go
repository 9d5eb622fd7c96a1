package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// asian are the scripts that afmoe keeps apart from words and from each other:
// Chinese and Japanese, Thai, Lao, Khmer, Myanmar, Korean.
func asian() cut {
	return runsOfAny(
		"\u2f00-\u2fdf\u3040-\u309f\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff65-\uff9f",
		"\u0e00-\u0e7f", "\u0e80-\u0eff", "\u1780-\u17ff", "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f", "\u1100-\u11ff\uac00-\ud7af")
}

// bloom is the length of a match of " ?[^(\s|.,!?…。，、।۔،)]+".
func bloom(s string) int {
	i := 0
	if s[0] == ' ' {
		i = 1
	}
	end := runIn(s, i, func(r rune) bool {
		return !unicode.IsSpace(r) && !strings.ContainsRune("(|.,!?…。，、।۔،)", r)
	})
	if end == i {
		return 0
	}
	return end
}

// thousands cuts before each place of (?=(\d{3})+(?!\d)): decimal digits come in
// groups of three counted from the end of their run.
func thousands(ends []int, s string) []int {
	cut := 0
	for i := 0; i < len(s); {
		end := runIn(s, i, unicode.IsDigit)
		for left := utf8.RuneCountInString(s[i:end]); left > 0; left-- {
			if left%3 == 0 && i > cut {
				ends = append(ends, i)
				cut = i
			}
			_, n := utf8.DecodeRuneInString(s[i:])
			i += n
		}
		i = runIn(s, i, func(r rune) bool { return !unicode.IsDigit(r) })
	}
	return append(ends, len(s))
}

// isolatedDigits is \d{1,3}(?=(?:\d{3})*\b): runs of decimal digits that end at
// the end of a word, in groups of three from the right. Others stay whole.
func isolatedDigits(ends []int, s string) []int {
	gap := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !unicode.IsDigit(r) {
			i += n
			continue
		}
		end, count := i, 0
		for end < len(s) && unicode.IsDigit(r) {
			end += n
			count++
			r, n = utf8.DecodeRuneInString(s[end:])
		}
		if end < len(s) && wordChar(r) {
			i = end
			continue
		}
		if i > gap {
			ends = append(ends, i)
		}
		for ; count > 0; count -= (count-1)%3 + 1 {
			for range (count-1)%3 + 1 {
				_, n := utf8.DecodeRuneInString(s[i:])
				i += n
			}
			ends = append(ends, i)
		}
		gap = end
	}
	if gap < len(s) {
		ends = append(ends, len(s))
	}
	return ends
}

// wordChar reports whether r is of \w, as in Annex C of Unicode Technical Standard 18
// but for the joiners.
func wordChar(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic)
}

// runsOfAny isolates runs of each set, the first that matches.
func runsOfAny(sets ...string) cut {
	var first firsts
	all := make([]*ranges, len(sets))
	for i, s := range sets {
		all[i] = parseRanges(s)
		for b := range first {
			first[b] = first[b] || all[i].ascii[b]
		}
	}
	return isolateFrom(first, func(s string) int {
		r, n := utf8.DecodeRuneInString(s)
		for _, set := range all {
			if !set.has(r) {
				continue
			}
			return runIn(s, n, set.has)
		}
		return 0
	})
}

// chameleon cuts for Chameleon: sentinels, images, small white space, digits and
// punctuation marks on their own, then as GPT-2 does.
func chameleon() cuts {
	return cuts{
		isolate(sentinel), isolate(image), isolate(func(s string) int {
			switch {
			case s[0] == '\t' || s[0] == '\n':
				return 1
			case strings.HasPrefix(s, "    "):
				return 4
			case strings.HasPrefix(s, "  "):
				return 2
			}
			return 0
		}),
		single(number),
		isolate(func(s string) int {
			c, n := at(s, 0)
			if c&punct != 0 || s[0] < utf8.RuneSelf && c&sign != 0 {
				return n
			}
			return 0
		}),
		each(gpt2),
	}
}

// sentinel is the length of a match of <sentinel:[0-9]+>.
func sentinel(s string) int {
	rest, found := strings.CutPrefix(s, "<sentinel:")
	if !found {
		return 0
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if digits == 0 || !strings.HasPrefix(rest[digits:], ">") {
		return 0
	}
	return len(s) - len(rest) + digits + 1
}

// image is the length of a match of IMGIMG[A-I]{1,4}Z.
func image(s string) int {
	const head = "IMGIMG"
	if !strings.HasPrefix(s, head) {
		return 0
	}
	i := len(head)
	for i < len(s) && i < len(head)+4 && s[i] >= 'A' && s[i] <= 'I' {
		i++
	}
	if i == len(head) || i == len(s) || s[i] != 'Z' {
		return 0
	}
	return i + 1
}

// exaoneMoE is the length of the first piece for EXAONE MoE, whose words may hold
// single spaces:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|
//	\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+
func exaoneMoE(s string) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	c, n := at(s, 0)
	if c&number != 0 {
		return n
	}
	lead := 0
	if c&letter == 0 && s[0] != '\r' && s[0] != '\n' {
		lead = n
	}
	for i := lead; ; {
		d, m := at(s, i)
		if i > lead && d&space != 0 && s[i] == ' ' {
			i++
			d, m = at(s, i)
			if d&letter == 0 {
				return i - 1
			}
		}
		if d&letter == 0 {
			if i > lead {
				return i
			}
			break
		}
		i = run(s, i+m, mark)
	}
	if n := symbols(s, space|letter|number); n > 0 {
		if n < len(s) && (s[n] == '\r' || s[n] == '\n' || s[n] == '/') {
			n++
		}
		return n
	}
	return blanks(s, true)
}

// powers cuts white space without a line end at its end into pieces of 512, 256,
// and so on to 1 characters, the largest first.
func powers(ends []int, s string) []int {
	if end := run(s, 0, space); end < len(s) || s[len(s)-1] == '\n' || s[len(s)-1] == '\r' {
		return append(ends, len(s))
	}
	i := 0
	for n := 512; i < len(s); {
		end := some(s, i, n, space)
		if utf8.RuneCountInString(s[i:end]) < n {
			n /= 2
			continue
		}
		i = end
		ends = append(ends, i)
	}
	return ends
}

// sparkWord is the length of a match of the last expression but one of Spark 2.5:
//
//	[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+
func sparkWord(s string) int {
	if s[0] == '\r' || s[0] == '\n' {
		return 1
	}
	if n := deepseekMarks(s, false); n > 0 {
		return n
	}
	if c, _ := at(s, 0); c&space != 0 {
		return blanks(s, false)
	}
	return 0
}
