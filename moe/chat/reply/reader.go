package reply

import (
	"bytes"
	"strings"

	"moed/moe/tokenizer"
)

// Reader reads one answer.
type Reader struct {
	id     func() string
	tok    *tokenizer.Tokenizer
	form   form
	tools  tools
	plain  bool
	stream *tokenizer.Stream

	dst   []Piece
	fresh int // pieces of dst that an earlier call made

	buf     []byte // what has not been told apart yet
	state   State
	text    flow
	thought flow
	calls   int

	opening string // the marker of the call that is being read
	parser  parser
	harmony harmony
}

// New begins to read an answer.
func New(o Options) *Reader {
	r := &Reader{id: o.ID, tok: o.Tokenizer, plain: o.Plain, tools: newTools(o.Tools),
		stream: o.Tokenizer.Stream(tokenizer.StreamOptions{Special: !o.Plain, Continue: o.Continue})}
	if r.id == nil {
		r.id = randomID
	}
	if r.plain {
		return r
	}
	r.form = formOf(&o, r.tools)
	if o.Forced != "" {
		if f, ok := force(&o, &r.form, r.tools, o.Forced); ok {
			r.form.bare, r.harmony.any = f.bare, true
			r.replay(r.form.mark(f.opening))
			return r
		}
	}
	text, whole := r.form.tail(&o)
	switch {
	case r.form.harmony:
		r.replay(text)
	case r.form.thinking(text, whole):
		r.state, r.thought.lead = InReasoning, true
	}
	return r
}

// replay reads what the prompt has begun of the answer.
func (r *Reader) replay(text string) {
	r.add(nil, text, false)
	r.text = flow{held: r.text.held, lead: r.text.lead}
	r.thought = flow{lead: r.thought.lead}
	r.calls, r.harmony.before = 0, len(clean(string(r.buf)))
}

// Token takes the next token and appends to dst what has become certain with it.
func (r *Reader) Token(dst []Piece, id int32) []Piece {
	if !r.plain {
		switch r.tok.Type(id) {
		case tokenizer.Control:
			name := r.tok.Token(id)
			if !r.form.signed[name] {
				return dst
			}
			// Half a character before it has no other half behind it.
			return r.add(dst, r.stream.Flush()+sign+name, false)
		case tokenizer.Unknown:
			return dst
		}
	}
	return r.add(dst, r.stream.Next(id), false)
}

// Text takes text in place of tokens, such as the closing of Force; markers in it
// count as tokens.
func (r *Reader) Text(dst []Piece, text string) []Piece {
	return r.add(dst, r.stream.Flush()+r.form.mark(text), false)
}

// Flush appends what was held back, once the answer has its end. The Reader is
// then of no more use.
func (r *Reader) Flush(dst []Piece) []Piece { return r.add(dst, r.stream.Flush(), true) }

// State is what the next token is expected to be part of.
func (r *Reader) State() State { return r.state }

// Calls is how many calls there were so far.
func (r *Reader) Calls() int { return r.calls }

func (r *Reader) add(dst []Piece, text string, final bool) []Piece {
	r.dst, r.fresh = dst, len(dst)
	if r.plain {
		r.show(text)
		return r.dst
	}
	r.buf = append(r.buf, text...)
	step := r.step
	if r.form.harmony {
		step = r.harmonyStep
	}
	for step(final) {
	}
	if final {
		// White space is held back for markers, of which none will come.
		r.show(r.text.put("", false))
		r.think(r.thought.put("", false))
	}
	return r.dst
}

func (r *Reader) show(s string) {
	if s = clean(s); s == "" {
		return
	}
	if n := len(r.dst); n > r.fresh && r.dst[n-1].Text != "" {
		r.dst[n-1].Text += s
		return
	}
	r.dst = append(r.dst, Piece{Text: s})
}

func (r *Reader) think(s string) {
	if s = clean(s); s == "" {
		return
	}
	if n := len(r.dst); n > r.fresh && r.dst[n-1].Reasoning != "" {
		r.dst[n-1].Reasoning += s
		return
	}
	r.dst = append(r.dst, Piece{Reasoning: s})
}

// say puts text of the answer, of which white space may be held back.
func (r *Reader) say(s string) {
	hold := len(r.tools) > 0 && len(r.form.markers) > 0 || len(r.form.markers) > 0 && !r.text.shown
	r.show(r.text.put(s, hold))
}

// call gives the calls if they are ones, all or none.
func (r *Reader) call(calls []found) bool {
	given := make([]*Call, len(calls))
	for i, c := range calls {
		args, ok := object(c.args)
		name := clean(c.name)
		if !ok || r.tools.find(name) == nil {
			return false
		}
		given[i] = &Call{Index: r.calls + i, Name: name, Arguments: args}
	}
	for _, c := range given {
		c.ID = r.id()
		r.dst = append(r.dst, Piece{Call: c})
	}
	r.calls += len(given)
	return true
}

// step tells apart what it can of the buffer and reports whether there may be
// more to do.
func (r *Reader) step(final bool) bool {
	switch r.state {
	case InReasoning:
		return r.stepThought(final)
	case InCall:
		return r.stepCall(final)
	}
	if r.form.bare {
		i := skip(r.buf, 0)
		if i == len(r.buf) && !final {
			return false
		}
		r.form.bare = false
		if i < len(r.buf) && r.buf[i] == '{' {
			r.say(string(r.buf[:i]))
			r.enter("", &bareCalls{}, i)
			return true
		}
	}
	return r.stepText(final)
}

func (r *Reader) enter(opening string, p parser, n int) {
	r.opening, r.parser, r.state = opening, p, InCall
	r.buf = r.buf[n:]
}

func (r *Reader) stepText(final bool) bool {
	any := func(role) bool { return true }
	m, at := r.form.find(r.buf, any)
	if m == nil {
		r.keep(r.form.begun(r.buf, any), final, r.say)
		return false
	}
	r.say(string(r.buf[:at]))
	if m.role == callOpens {
		r.enter(m.text, m.parser(r.tools), at+len(m.text))
		return true
	}
	r.buf = r.buf[at+len(m.text):]
	r.text.part()
	if m.role == thinkOpens {
		r.state = InReasoning
		r.thought.separate()
		r.thought.part()
	}
	return true
}

func (r *Reader) stepThought(final bool) bool {
	closes := func(k role) bool { return k == thinkCloses }
	say := func(s string) { r.think(r.thought.put(s, true)) }
	m, at := r.form.find(r.buf, closes)
	if m == nil {
		r.keep(r.form.begun(r.buf, closes), final, say)
		return false
	}
	say(string(r.buf[:at]))
	r.thought.part()
	r.text.part()
	r.buf, r.state = r.buf[at+len(m.text):], InText
	return true
}

// keep says all of the buffer but its last n bytes, which may become a marker.
func (r *Reader) keep(n int, final bool, say func(string)) {
	if final {
		n = 0
	}
	cut := len(r.buf) - n
	say(string(r.buf[:cut]))
	r.buf = append(r.buf[:0], r.buf[cut:]...)
}

func (r *Reader) stepCall(final bool) bool {
	calls, n, v := r.parser.read(r.buf, final)
	if v == more {
		return false
	}
	r.state, r.parser = InText, nil
	switch {
	case v == broken:
		r.say(r.opening)
	case r.call(calls):
		r.buf = r.buf[n:]
		r.text.part()
	default:
		r.say(r.opening + string(r.buf[:n]))
		r.buf = r.buf[n:]
	}
	return true
}

// tail is what the prompt has begun of the answer: its end behind the last token
// that parts messages. whole says that there was no such token.
func (f *form) tail(o *Options) (text string, whole bool) {
	tok, from, whole := o.Tokenizer, 0, true
	for i := len(o.Prompt) - 1; i >= 0; i-- {
		if f.parts(tok, o.Prompt[i]) {
			from, whole = i+1, false
			if f.harmony {
				from = i
			}
			break
		}
	}
	var b strings.Builder
	var plain []byte
	// A prompt may have bytes that are no characters, and among them what looks
	// like sign; an answer has none.
	say := func() {
		b.Write(bytes.ToValidUTF8(plain, []byte("\uFFFD")))
		plain = plain[:0]
	}
	for _, id := range o.Prompt[from:] {
		if s := tok.Token(id); tok.Type(id) == tokenizer.Control {
			say()
			if f.signed[s] {
				b.WriteString(sign + s)
			}
			continue
		}
		plain = tok.Bytes(plain, id)
	}
	say()
	return b.String(), whole
}

// parts reports whether a token parts messages.
func (f *form) parts(tok *tokenizer.Tokenizer, id int32) bool {
	name := tok.Token(id)
	if f.harmony {
		return name == harmonyStart
	}
	for _, m := range f.markers {
		if strings.TrimPrefix(m.text, sign) == name {
			return false
		}
	}
	switch tok.Type(id) {
	case tokenizer.Control:
		return true
	case tokenizer.UserDefined:
		return strings.HasPrefix(name, "<|") || strings.HasPrefix(name, "<｜") || strings.HasPrefix(name, "[/INST")
	}
	return false
}

// thinking reports whether text leaves the thinking open. Where it may hold
// other messages, only its very end counts.
func (f *form) thinking(text string, whole bool) bool {
	open, closed := -1, -1
	for _, m := range f.markers {
		i := strings.LastIndex(text, m.text)
		switch {
		case i < 0:
		case m.role == thinkOpens && (!whole || strings.TrimSpace(text[i+len(m.text):]) == ""):
			open = max(open, i)
		case m.role == thinkCloses:
			closed = max(closed, i)
		}
	}
	return open > closed
}
