package tokenizer

import "unicode/utf8"

// Byte-level vocabularies write bytes as letters: printable Latin-1 characters
// stand for themselves, the other 68 bytes for U+0100 to U+0143 in order.
// The scheme comes with GPT-2 (Radford et al. 2019).

// plainByte reports whether a byte stands for itself.
func plainByte(b byte) bool {
	return b > ' ' && b < 0x7f || b > 0xa0 && b != 0xad
}

// alphabet is the rune for each byte.
func alphabet() (letters [256]rune) {
	next := rune(0x100)
	for b := range letters {
		if plainByte(byte(b)) {
			letters[b] = rune(b)
		} else {
			letters[b] = next
			next++
		}
	}
	return letters
}

// spelling is alphabet in UTF-8. Letters are one or two bytes long.
type spelling [256]struct {
	b [2]byte
	n uint8
}

func newSpelling() (s spelling) {
	for b, r := range alphabet() {
		s[b].n = uint8(utf8.EncodeRune(s[b].b[:], r))
	}
	return s
}

// append writes text in letters.
func (s *spelling) append(dst []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		e := &s[text[i]]
		dst = append(dst, e.b[0])
		if e.n == 2 {
			dst = append(dst, e.b[1])
		}
	}
	return dst
}

// appendSpelled writes the bytes that letters stand for. What is no letter stays
// as it is.
func appendSpelled(dst []byte, letters string) []byte {
	for i := 0; i < len(letters); {
		r, n := utf8.DecodeRuneInString(letters[i:])
		switch {
		case r < 0x100 && plainByte(byte(r)):
			dst = append(dst, byte(r))
		case r >= 0x100 && r < 0x100+68:
			dst = append(dst, otherBytes[r-0x100])
		default:
			dst = append(dst, letters[i:i+n]...)
		}
		i += n
	}
	return dst
}

// otherBytes are the bytes that do not stand for themselves.
const otherBytes = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" +
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x7f" +
	"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f" +
	"\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xad"
