package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// StreamOptions say how a Stream shows tokens. The zero value is for a text from
// its beginning.
type StreamOptions struct {
	// Special shows control tokens and the unknown token as they are spelled.
	Special bool
	// Continue says that the tokens go on from earlier text, so that a leading space
	// is part of them. Otherwise, where the vocabulary puts a space before text, the
	// first is taken off again.
	Continue bool
}

// Stream decodes tokens as they come. It is for one goroutine.
type Stream struct {
	t       *Tokenizer
	o       StreamOptions
	started bool
	held    []byte // bytes that may yet become a character
}

// Stream begins to decode.
func (t *Tokenizer) Stream(o StreamOptions) *Stream {
	return &Stream{t: t, o: o, started: o.Continue}
}

// Next is the text that is certain once token id is known: valid UTF-8, possibly
// empty. The beginning of a character is held back until its end comes or cannot
// come any more.
func (s *Stream) Next(id int32) string {
	switch s.t.Type(id) {
	case Control, Unknown:
		if s.o.Special {
			s.held = s.t.Bytes(s.held, id)
		}
	default:
		n := len(s.held)
		s.held = s.t.Bytes(s.held, id)
		if !s.started && len(s.held) > n {
			s.started = true
			if s.t.space && s.held[n] == ' ' {
				s.held = append(s.held[:n], s.held[n+1:]...)
			}
		}
	}
	return s.take(false)
}

// Flush is the text that was held back. The stream is then as new.
func (s *Stream) Flush() string {
	s.started = s.o.Continue
	return s.take(true)
}

// take returns what is certain, or all, and keeps the rest.
func (s *Stream) take(all bool) string {
	end := len(s.held)
	if !all {
		// Only a truncated character of less than four bytes at the end is uncertain.
		for n := 1; n < utf8.UTFMax && n <= end; n++ {
			if tail := s.held[end-n:]; utf8.RuneStart(tail[0]) {
				if !utf8.FullRune(tail) {
					end -= n
				}
				break
			}
		}
	}
	text := valid(s.held[:end])
	s.held = append(s.held[:0], s.held[end:]...)
	return text
}

// valid is b as a string with one U+FFFD for each byte that is no UTF-8.
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// Decode is the text of tokens from the beginning of a text. Control tokens and
// ids out of range have none.
func (t *Tokenizer) Decode(ids []int32) string {
	s := t.Stream(StreamOptions{})
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(s.Next(id))
	}
	out.WriteString(s.Flush())
	return out.String()
}
