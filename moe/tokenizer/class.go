package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// class is what pre-tokenizers want to know of a character, as a set of bits.
type class uint16

const (
	letter class = 1 << iota // L
	upper                    // Lu, Lt, Lm, Lo, M: what may begin a word in camel case
	lower                    // Ll, Lm, Lo, M: what may end one
	mark                     // M
	number                   // N
	punct                    // P
	sign                     // S
	space                    // White_Space
	han                      // the script
)

// tableEnd is the end of the characters that are looked up in a table; beyond are
// a few variation selectors and private characters only.
const tableEnd = 0x40000

// categories are the general categories that decide a class.
func categories() []struct {
	t *unicode.RangeTable
	c class
} {
	return []struct {
		t *unicode.RangeTable
		c class
	}{
		{unicode.Lu, letter | upper}, {unicode.Lt, letter | upper},
		{unicode.Lm, letter | upper | lower}, {unicode.Lo, letter | upper | lower},
		{unicode.Ll, letter | lower}, {unicode.M, mark | upper | lower},
		{unicode.N, number}, {unicode.P, punct}, {unicode.S, sign},
		{unicode.White_Space, space}, {unicode.Han, han},
	}
}

// slowClass looks a character up in the tables of package unicode.
func slowClass(r rune) (c class) {
	for _, k := range categories() {
		if unicode.Is(k.t, r) {
			c |= k.c
		}
	}
	return c
}

// wide holds the classes of all characters below tableEnd. It is made when the
// first text beyond ASCII comes, in a millisecond or two.
var wide = sync.OnceValue(func() *[tableEnd]class {
	t := new([tableEnd]class)
	for _, k := range categories() {
		for _, r := range k.t.R16 {
			for i := uint32(r.Lo); i <= uint32(r.Hi); i += uint32(r.Stride) {
				t[i] |= k.c
			}
		}
		for _, r := range k.t.R32 {
			for i := r.Lo; i <= r.Hi && i < tableEnd; i += r.Stride {
				t[i] |= k.c
			}
		}
	}
	return t
})

// ascii holds the classes of single bytes; those of bytes from 0x80 are unused.
var ascii = func() (t [256]class) {
	for b := range rune(utf8.RuneSelf) {
		t[b] = slowClass(b)
	}
	return t
}()

// at is the class of the character that s has at i, and its length; both are zero
// at the end. A byte that is no UTF-8 is taken as U+FFFD.
func at(s string, i int) (class, int) {
	if i >= len(s) {
		return 0, 0
	}
	if s[i] < utf8.RuneSelf {
		return ascii[s[i]], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if r < tableEnd {
		return wide()[r], n
	}
	return slowClass(r), n
}

// run is the end of the characters from i on that have a class in the set.
func run(s string, i int, set class) int {
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf {
			if ascii[b]&set == 0 {
				return i
			}
			i++
			continue
		}
		c, n := at(s, i)
		if c&set == 0 {
			return i
		}
		i += n
	}
	return i
}

// runNot is the end of the characters from i on that have no class in the set.
func runNot(s string, i int, set class) int {
	for i < len(s) {
		c, n := at(s, i)
		if c&set != 0 {
			return i
		}
		i += n
	}
	return i
}
