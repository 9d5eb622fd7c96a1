package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// A cut divides text into pieces: it appends the end of each to ends. The last is
// the length of s; s is not empty.
type cut func(ends []int, s string) []int

// cuts are applied one after the other, each to the pieces of the one before.
type cuts []cut

// maxPiece keeps offsets within a piece in an int32, in bytes.
const maxPiece = 1 << 30

// split returns the ends of all pieces of s, in memory of w.
func (c cuts) split(w *work, s string) []int {
	ends, spare := append(w.ends[:0], len(s)), w.spare
	for _, f := range c {
		spare = spare[:0]
		start := 0
		for _, end := range ends {
			from := len(spare)
			spare = f(spare, s[start:end])
			for i := from; i < len(spare); i++ {
				spare[i] += start
			}
			start = end
		}
		ends, spare = spare, ends
	}
	if len(s) > maxPiece {
		ends, spare = short(spare[:0], ends), ends
	}
	w.ends, w.spare = ends, spare
	return ends
}

// short copies ends with pieces cut at maxPiece.
func short(dst, ends []int) []int {
	start := 0
	for _, end := range ends {
		for ; end-start > maxPiece; start += maxPiece {
			dst = append(dst, start+maxPiece)
		}
		dst = append(dst, end)
		start = end
	}
	return dst
}

// each is a cut by a function that returns the length of the first piece of a
// text that is not empty.
func each(next func(s string) int) cut {
	return func(ends []int, s string) []int {
		for i := 0; i < len(s); {
			i += next(s[i:])
			ends = append(ends, i)
		}
		return ends
	}
}

// isolate is a cut by a function that returns the length of a match at the
// beginning of a text, or zero. Matches become pieces, and so does what lies
// between two matches.
func isolate(match func(s string) int) cut {
	var all firsts
	for b := range all {
		all[b] = true
	}
	return isolateFrom(all, match)
}

// firsts are the ASCII characters that a match may begin with.
type firsts [utf8.RuneSelf]bool

// isolateFrom is isolate for matches that begin with a character of first or beyond
// ASCII.
func isolateFrom(first firsts, match func(s string) int) cut {
	return func(ends []int, s string) []int {
		gap := 0
		for i := 0; i < len(s); {
			if b := s[i]; b < utf8.RuneSelf && !first[b] {
				i++
				continue
			}
			n := match(s[i:])
			if n == 0 {
				_, n = utf8.DecodeRuneInString(s[i:])
				i += n
				continue
			}
			if i > gap {
				ends = append(ends, i)
			}
			i += n
			gap = i
			ends = append(ends, i)
		}
		if gap < len(s) {
			ends = append(ends, len(s))
		}
		return ends
	}
}

// runs isolates the longest runs of characters that have a class of the set or are
// in the string also, which is ASCII.
func runs(set class, also string) cut {
	in := firstsOf(set)
	for _, b := range []byte(also) {
		in[b] = true
	}
	return isolateFrom(in, func(s string) int {
		i := 0
		for i < len(s) {
			if b := s[i]; b < utf8.RuneSelf {
				if !in[b] {
					break
				}
				i++
				continue
			}
			c, n := at(s, i)
			if c&set == 0 {
				break
			}
			i += n
		}
		return i
	})
}

// firstsOf are the ASCII characters that have a class of the set.
func firstsOf(set class) (f firsts) {
	for b := range f {
		f[b] = ascii[b]&set != 0
	}
	return f
}

// single isolates each character that has a class of the set.
func single(set class) cut { return upTo(1, set) }

// upTo isolates runs of at most max characters that have a class of the set.
func upTo(max int, set class) cut {
	return isolateFrom(firstsOf(set), func(s string) int { return some(s, 0, max, set) })
}

// some is the end of at most max characters from i on that have a class of the
// set; max of zero is no bound.
func some(s string, i, max int, set class) int {
	for k := 0; k < max || max == 0; k++ {
		c, n := at(s, i)
		if c&set == 0 {
			break
		}
		i += n
	}
	return i
}

// triples isolates each three ASCII digits in a row.
var triples = isolate(func(s string) int {
	if len(s) >= 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) {
		return 3
	}
	return 0
})

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// lines isolates runs of line feeds.
var lines = isolate(func(s string) int {
	i := 0
	for i < len(s) && s[i] == '\n' {
		i++
	}
	return i
})

// fromRight cuts runs of decimal digits into groups of three counted from the end.
func fromRight(ends []int, s string) []int {
	other := func(r rune) bool { return !unicode.IsDigit(r) }
	for i := 0; i < len(s); {
		if end := runIn(s, i, other); end > i {
			ends = append(ends, end)
			i = end
			continue
		}
		end := runIn(s, i, unicode.IsDigit)
		for left := utf8.RuneCountInString(s[i:end]); left > 0; {
			n := (left-1)%3 + 1
			i = some(s, i, n, number)
			left -= n
			ends = append(ends, i)
		}
	}
	return ends
}
