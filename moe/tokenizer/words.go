package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// words cuts like the regular expression that Llama 3, Qwen 2 and their kin share
// and vary:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//	 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
type words struct {
	contractions bool  // the first alternative is there
	letters      class // of which words are: letter, or letter|mark
	digits       int   // at most so many in a piece; 0 is no bound
	tail         bool  // line ends go with the punctuation before them
}

// next is the length of the first piece of s.
func (r *words) next(s string) int {
	if r.contractions && s[0] == '\'' {
		if n := contraction(s, true); n > 0 {
			return n
		}
	}
	c, n := at(s, 0)
	if c&r.letters != 0 {
		return run(s, n, r.letters)
	}
	if c&number != 0 {
		return some(s, 0, r.digits, number)
	}
	if s[0] != '\r' && s[0] != '\n' {
		if d, m := at(s, n); d&r.letters != 0 {
			return run(s, n+m, r.letters)
		}
	}
	if n := symbols(s, space|number|r.letters); n > 0 {
		if r.tail {
			n = lineEnds(s, n)
		}
		return n
	}
	return blanks(s, true)
}

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning of
// s, or zero.
func contraction(s string, anyCase bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	fold := func(i int) byte {
		if i < len(s) && anyCase && s[i] >= 'A' && s[i] <= 'Z' {
			return s[i] | 0x20
		}
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	switch fold(1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if fold(2) == 'e' {
			return 3
		}
	case 'l':
		if fold(2) == 'l' {
			return 3
		}
	}
	if anyCase && strings.HasPrefix(s[1:], longS) {
		return 1 + len(longS)
	}
	return 0
}

// longS is the one character outside of ASCII that is in the contractions when
// case does not count.
const longS = "\u017f"

// symbols is the end of a run of characters outside of the set, one space before
// it included, or zero.
func symbols(s string, not class) int {
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	if end := runNot(s, lead, not); end > lead {
		return end
	}
	return 0
}

// lineEnds is the end of the \r and \n from i on.
func lineEnds(s string, i int) int {
	for i < len(s) && (s[i] == '\r' || s[i] == '\n') {
		i++
	}
	return i
}

// blanks is the length of the first piece of s, which begins with white space: up
// to the last line end of the run where lines are asked for; otherwise all of it
// at the end of s, or all but the last character, which goes with what follows.
func blanks(s string, lines bool) int {
	end, last, line := 0, 0, 0
	for end < len(s) {
		c, n := at(s, end)
		if c&space == 0 {
			break
		}
		if s[end] == '\n' || s[end] == '\r' {
			line = end + 1
		}
		last = end
		end += n
	}
	if lines && line > 0 {
		return line
	}
	if end == len(s) || last == 0 {
		return end
	}
	return last
}

// gpt2 cuts like the regular expression of GPT-2:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gpt2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	switch c, n := at(s, lead); {
	case c&letter != 0:
		return run(s, lead+n, letter)
	case c&number != 0:
		return run(s, lead+n, number)
	}
	if n := symbols(s, space|letter|number); n > 0 {
		return n
	}
	return blanks(s, false)
}

// cased cuts like the regular expression of gpt-4o and its kin, in which a new
// word may begin at a capital:
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
//	\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
type cased struct {
	contractions bool
	digits       int
	slash        bool // a slash, too, goes with the punctuation before it
	han          bool // Han is cut into runs of its own first and is in no word
}

func (r *cased) next(s string) int {
	c, n := r.at(s, 0)
	if r.han && c&han != 0 {
		return run(s, n, han)
	}
	if end := r.word(s, c, n); end > 0 {
		if r.contractions {
			end += contraction(s[end:], true)
		}
		return end
	}
	if c&number != 0 {
		return some(s, 0, r.digits, number)
	}
	if n := symbols(s, space|letter|number); n > 0 {
		for n < len(s) && (s[n] == '\r' || s[n] == '\n' || r.slash && s[n] == '/') {
			n++
		}
		return n
	}
	return blanks(s, true)
}

// at is the class of a character; Han is in no word where it is cut on its own.
func (r *cased) at(s string, i int) (class, int) {
	c, n := at(s, i)
	if r.han && c&han != 0 {
		c &^= upper | lower
	}
	return c, n
}

// word is the end of the first two alternatives without the contraction, or zero.
// The first character of s has class c and length n.
func (r *cased) word(s string, c class, n int) int {
	lead := 0
	if c&(letter|number) == 0 && s[0] != '\r' && s[0] != '\n' {
		lead = n
	}
	if c&(upper|lower) == 0 && lead == 0 {
		return 0
	}
	if lead > 0 {
		if end := r.lowerWord(s, lead); end > 0 {
			return end
		}
	}
	if end := r.lowerWord(s, 0); end > 0 {
		return end
	}
	if lead > 0 {
		if end := r.run(s, lead, upper); end > lead {
			return end
		}
	}
	return r.run(s, 0, upper)
}

// lowerWord is the end of [upper]*[lower]+ from i on, or zero. Where no character
// of the second class follows the run of the first, the run gives back down to its
// last character that is in both.
func (r *cased) lowerWord(s string, i int) int {
	both := 0 // end of the last character of the run that is in both classes
	for {
		c, n := r.at(s, i)
		if c&upper == 0 {
			if c&lower != 0 {
				return r.run(s, i, lower)
			}
			return both
		}
		i += n
		if c&lower != 0 {
			both = i
		}
	}
}

func (r *cased) run(s string, i int, set class) int {
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf {
			if ascii[b]&set == 0 {
				break
			}
			i++
			continue
		}
		c, n := r.at(s, i)
		if c&set == 0 {
			break
		}
		i += n
	}
	return i
}
