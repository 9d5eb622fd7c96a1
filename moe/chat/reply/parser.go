package reply

import (
	"bytes"
	"encoding/json"
)

// found is a call as a model wrote it.
type found struct {
	name string
	args []byte // JSON, or nothing
}

// parser reads what stands behind an opening marker. The body grows from one
// read to the next; final says that it has its end. When it is done, n bytes of
// the body belong to the calls.
type parser interface {
	read(body []byte, final bool) (calls []found, n int, v verdict)
}

const spaces = " \t\r\n"

// skip is the index of the first byte of b from i on that is no white space.
func skip(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// expect tells whether b goes on with want: what b lacks may yet come.
func expect(b []byte, want string, final bool) verdict {
	switch {
	case len(b) >= len(want) && string(b[:len(want)]) == want:
		return done
	case !final && len(b) < len(want) && want[:len(b)] == string(b):
		return more
	}
	return broken
}

// jsonCalls reads calls that are JSON: objects with a name and arguments, or
// arrays of such.
type jsonCalls struct {
	close string // what may end them, or ""
	at    int    // where the next value begins, once it does
	begun bool
	value value
	calls []found
}

func (p *jsonCalls) read(body []byte, final bool) ([]found, int, verdict) {
	for {
		if !p.begun {
			start := skip(body, p.at)
			if start == len(body) {
				return p.stop(final)
			}
			if len(p.calls) > 0 {
				switch expect(body[start:], p.close, final) {
				case done:
					return p.calls, start + len(p.close), done
				case more:
					return nil, 0, more
				}
			}
			if body[start] != '{' && body[start] != '[' {
				return p.stop(true)
			}
			p.at, p.begun, p.value = start, true, value{}
		}
		n, v := p.value.end(body[p.at:])
		if v == more && !final {
			return nil, 0, more
		}
		if v != done {
			return p.stop(true)
		}
		calls, ok := decode(body[p.at : p.at+n])
		if !ok {
			return p.stop(true)
		}
		p.calls, p.at, p.begun = append(p.calls, calls...), p.at+n, false
		if p.close == "" {
			return p.calls, p.at, done
		}
	}
}

// stop ends with the calls so far.
func (p *jsonCalls) stop(final bool) ([]found, int, verdict) {
	switch {
	case !final:
		return nil, 0, more
	case len(p.calls) == 0:
		return nil, 0, broken
	}
	return p.calls, p.at, done
}

// decode reads one JSON value of calls.
func decode(b []byte) ([]found, bool) {
	var items []json.RawMessage
	if b[0] == '{' {
		items = []json.RawMessage{b}
	} else if json.Unmarshal(b, &items) != nil && json.Unmarshal(mend(b), &items) != nil {
		return nil, false
	}
	var calls []found
	for _, one := range items {
		c, ok := decodeOne(one)
		if !ok {
			return nil, false
		}
		calls = append(calls, c)
	}
	return calls, len(calls) > 0
}

func decodeOne(b []byte) (found, bool) {
	type plain struct {
		Name       string
		Arguments  json.RawMessage
		Parameters json.RawMessage
	}
	var one struct {
		plain
		Function json.RawMessage
	}
	if json.Unmarshal(b, &one) != nil && json.Unmarshal(mend(b), &one) != nil {
		return found{}, false
	}
	call := one.plain
	if f := bytes.TrimSpace(one.Function); len(f) > 0 && call.Name == "" {
		to := any(&call)
		if f[0] == '"' {
			to = &call.Name
		}
		if json.Unmarshal(f, to) != nil {
			return found{}, false
		}
	}
	if call.Arguments == nil {
		call.Arguments = call.Parameters
	}
	return found{call.Name, call.Arguments}, call.Name != ""
}
