package daemon

import (
	"strings"

	"moed/moe/sample"
	"moed/moe/tokenizer"
)

// output turns tokens into text that may be shown: whole runes, up to a stop
// string, with the model's thinking apart.
type output struct {
	parts   *parts // nil where all is answer
	stream  *tokenizer.Stream
	stops   *sample.Stops
	emit    func(Piece) error
	text    strings.Builder // what has been shown
	stopped bool

	thinking  *tokenizer.Stream
	reasoning strings.Builder
}

// token takes the next token and reports whether a stop string is complete.
func (o *output) token(id int32) (stopped bool, err error) {
	in := partAnswer
	if o.parts != nil {
		in = o.parts.next(id)
	}
	switch in {
	case partReasoning:
		return false, o.reason(o.thinking.Next(id))
	case partMarkup:
		return false, nil
	}
	piece := o.stream.Next(id)
	if o.text.Len() == 0 && o.reasoning.Len() > 0 {
		piece = strings.TrimLeft(piece, "\n") // the lines between thinking and answer
	}
	return o.piece(piece)
}

func (o *output) reason(piece string) error {
	o.reasoning.WriteString(piece)
	if piece == "" {
		return nil
	}
	return o.emit(Piece{Reasoning: piece})
}

func (o *output) piece(piece string) (stopped bool, err error) {
	text, stopped := o.stops.Add(piece)
	o.stopped = stopped
	return stopped, o.show(text)
}

// flush shows what was held back, once the text has ended.
func (o *output) flush() error {
	if err := o.reason(o.thinking.Flush()); err != nil {
		return err
	}
	if !o.stopped {
		if _, err := o.piece(o.stream.Flush()); err != nil {
			return err
		}
	}
	return o.show(o.stops.Flush())
}

func (o *output) show(text string) error {
	if text == "" {
		return nil
	}
	o.text.WriteString(text)
	return o.emit(Piece{Text: text})
}
