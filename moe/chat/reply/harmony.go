package reply

import (
	"bytes"
	"strings"
)

const (
	harmonyStart     = "<|start|>"
	harmonyChannel   = "<|channel|>"
	harmonyMessage   = "<|message|>"
	harmonyConstrain = "<|constrain|>"
)

func harmonyMarkers() []string {
	return append([]string{harmonyStart, harmonyChannel, harmonyMessage, harmonyConstrain}, harmonyEnds()...)
}

// harmonyEnds close a message.
func harmonyEnds() []string { return []string{"<|end|>", "<|return|>", "<|call|>"} }

// harmony is where an answer of gpt-oss is: in the header of a message or in its
// body, which the header says the nature of. Outside of messages all is text.
type harmony struct {
	header bool
	call   bool   // the body is a call's
	name   string // of the function; "" with any for a call that names it itself
	raw    string // the header, should it be no call
	any    bool   // a choice among all functions has been forced
	before int    // bytes of the header that the prompt has
	looked int    // bytes of a call's body that hold no marker
}

const (
	longestHeader = 512
	longestMarker = 16
)

// harmonyStep is step for harmony.
func (r *Reader) harmonyStep(final bool) bool {
	if r.harmony.header {
		return r.stepHeader(final)
	}
	next, at, keep := "", len(r.buf), 0
	from := max(0, r.harmony.looked-longestMarker)
	r.harmony.looked = 0
	for _, s := range append([]string{harmonyStart, harmonyChannel, harmonyMessage}, harmonyEnds()...) {
		s = r.form.signature(s)
		if i := bytes.Index(r.buf[from:], []byte(s)); i >= 0 && from+i < at {
			next, at = s, from+i
		}
		keep = max(keep, begins(r.buf, s))
	}
	if next == "" {
		if r.harmony.call {
			if r.harmony.looked = len(r.buf); final {
				r.harmonyCall(len(r.buf))
			}
			return false
		}
		r.keep(keep, final, r.body)
		return false
	}
	if r.harmony.call {
		r.harmonyCall(at)
	} else {
		r.body(string(r.buf[:at]))
		r.buf = r.buf[at:]
	}
	r.state = InText
	switch clean(next) {
	case harmonyStart, harmonyChannel, harmonyMessage:
		r.harmony.header = true
	default:
		r.buf = r.buf[len(next):]
		if r.harmony.raw != "" { // shown as it is, to its end
			r.say(next)
			r.harmony.raw = ""
		}
	}
	return true
}

// body says a part of a message.
func (r *Reader) body(s string) {
	if r.state == InReasoning {
		r.think(r.thought.put(s, false))
		return
	}
	r.say(s)
}

// stepHeader reads a header up to <|message|>.
func (r *Reader) stepHeader(final bool) bool {
	end := r.form.signature(harmonyMessage)
	i := bytes.Index(r.buf, []byte(end))
	if i > longestHeader || i < 0 && len(r.buf) >= longestHeader+len(end) {
		// No header is that long: the marker that seemed to begin it is text.
		n := 0
		for _, m := range []string{harmonyStart, harmonyChannel, harmonyMessage} {
			if m = r.form.signature(m); bytes.HasPrefix(r.buf, []byte(m)) {
				n = len(m)
			}
		}
		r.say(string(r.buf[:n]))
		r.buf, r.harmony.header = r.buf[n:], false
		return true
	}
	if i < 0 {
		if final {
			r.harmony.header = false
			if !isHeader(clean(string(r.buf))) {
				r.say(string(r.buf))
			}
			r.buf = nil
		}
		return false
	}
	header := clean(string(r.buf[:i]))
	r.buf = r.buf[i+len(end):]
	shown := header[min(r.harmony.before, len(header)):] + harmonyMessage
	r.harmony = harmony{any: r.harmony.any}
	channel, to, called := parseHeader(header)
	name, function := strings.CutPrefix(to, "functions.")
	all := r.harmony.any && to == "functions"
	switch {
	case called && channel != "analysis" && (function && r.tools.find(name) != nil || all):
		r.harmony.call, r.harmony.name, r.harmony.raw = true, name, shown
		if all {
			r.harmony.name = ""
		}
		r.state = InCall
	case called && channel != "analysis" && to != "user" && to != "assistant":
		r.text.separate()
		r.say(shown)
		r.harmony.raw = shown
	case channel == "" || channel == "final" || channel == "commentary":
		r.text.separate()
	default:
		r.thought.separate()
		r.state = InReasoning
	}
	return true
}

// harmonyCall gives the call whose body is the first n bytes of the buffer, or
// says it as text.
func (r *Reader) harmonyCall(n int) {
	body := bytes.Clone(r.buf[:n])
	r.buf = r.buf[n:]
	calls := []found{{r.harmony.name, body}}
	if r.harmony.name == "" {
		calls, _ = decode(append(bytes.TrimSpace(body), ' '))
	}
	if len(calls) > 0 && r.call(calls) {
		r.harmony.raw = ""
	} else {
		r.text.separate()
		r.say(r.harmony.raw + string(body))
	}
	r.harmony.call, r.harmony.looked, r.state = false, 0, InText
}

// parseHeader finds the channel and the recipient of a message, which stand in
// either order.
func parseHeader(header string) (channel, to string, called bool) {
	_, behind, ok := strings.Cut(header, harmonyChannel)
	if fields := strings.Fields(behind); ok && len(fields) > 0 {
		channel = fields[0]
		channel, _, _ = strings.Cut(channel, "<|")
	}
	if _, rest, ok := strings.Cut(header, "to="); ok {
		to, _, _ = strings.Cut(rest, "<|")
		if fields := strings.Fields(to); len(fields) > 0 {
			return channel, fields[0], true
		}
	}
	return channel, "", false
}

// isHeader reports whether s, which was cut off, is nothing but a header.
func isHeader(s string) bool {
	for _, m := range harmonyMarkers() {
		s = strings.ReplaceAll(s, m, " ")
	}
	for _, word := range strings.Fields(s) {
		known := strings.HasPrefix(word, "to=")
		for _, w := range []string{"assistant", "analysis", "commentary", "final", "json", "functions"} {
			known = known || strings.HasPrefix(w, word)
		}
		if !known {
			return false
		}
	}
	return true
}
