package daemon

import (
	"strings"

	"moed/moe/sample"
	"moed/moe/tokenizer"
)

// output turns tokens into text that may be shown: whole runes, up to a stop
// string.
type output struct {
	stream  *tokenizer.Stream
	stops   *sample.Stops
	emit    func(text string) error
	text    strings.Builder // what has been shown
	stopped bool
}

func newOutput(stream *tokenizer.Stream, stops []string, emit func(string) error) *output {
	return &output{stream: stream, stops: sample.NewStops(stops), emit: emit}
}

// token takes the next token and reports whether a stop string is complete.
func (o *output) token(id int32) (stopped bool, err error) {
	return o.piece(o.stream.Next(id))
}

func (o *output) piece(piece string) (stopped bool, err error) {
	text, stopped := o.stops.Add(piece)
	o.stopped = stopped
	return stopped, o.show(text)
}

// flush shows what was held back, once the text has ended.
func (o *output) flush() error {
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
	return o.emit(text)
}
