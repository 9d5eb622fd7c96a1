package daemon

import (
	"strings"

	"moed/moe/chat/reply"
	"moed/moe/sample"
)

// answer turns tokens into what may be shown: text up to a stop string, thinking
// and calls apart.
type answer struct {
	reader *reply.Reader
	stops  *sample.Stops
	emit   func(Piece)
	pieces []reply.Piece // scratch

	text, reasoning strings.Builder // what has been shown
	calls           []Call
	stopped         bool // a stop string is complete
}

// token takes the next token and reports whether the answer has come to a stop
// string.
func (a *answer) token(id int32) (stopped bool) {
	a.pieces = a.reader.Token(a.pieces[:0], id)
	a.show()
	return a.stopped
}

// end takes what closes a forced call, or nothing, and shows what was held back.
func (a *answer) end(closing string) {
	if closing != "" {
		a.pieces = a.reader.Text(a.pieces[:0], closing)
		a.show()
	}
	a.pieces = a.reader.Flush(a.pieces[:0])
	a.show()
	a.say(a.stops.Flush())
}

func (a *answer) show() {
	for _, p := range a.pieces {
		switch {
		case a.stopped:
			return
		case p.Reasoning != "":
			a.reasoning.WriteString(p.Reasoning)
			a.emit(Piece{Reasoning: p.Reasoning})
		case p.Call != nil:
			a.call(p.Call)
		default:
			var text string
			text, a.stopped = a.stops.Add(p.Text)
			a.say(text)
		}
	}
}

func (a *answer) say(text string) {
	if text == "" {
		return
	}
	a.text.WriteString(text)
	a.emit(Piece{Text: text})
}

func (a *answer) call(c *reply.Call) {
	for len(a.calls) <= c.Index {
		a.calls = append(a.calls, Call{})
	}
	whole := &a.calls[c.Index]
	whole.ID, whole.Name, whole.Arguments = whole.ID+c.ID, whole.Name+c.Name, whole.Arguments+c.Arguments
	a.emit(Piece{Call: &CallPiece{Index: c.Index, ID: c.ID, Name: c.Name, Arguments: c.Arguments}})
}
