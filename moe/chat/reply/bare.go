package reply

import "bytes"

// bareCalls reads a call that is a JSON object without any marker. A key that no
// call has tells early that it is none.
type bareCalls struct {
	json    jsonCalls
	checked bool
}

func (p *bareCalls) read(body []byte, final bool) ([]found, int, verdict) {
	if !p.checked {
		v := firstKey(body)
		if v != done {
			return nil, 0, max(v, unless(final))
		}
		p.checked = true
	}
	return p.json.read(body, final)
}

// firstKey tells whether the first key of an object is one of a call's.
func firstKey(body []byte) verdict {
	i := skip(body, 1)
	if i == len(body) {
		return more
	}
	if body[i] != '"' {
		return broken
	}
	key, _, ok := bytes.Cut(body[i+1:], []byte(`"`))
	for _, k := range []string{"name", "type", "function", "arguments", "parameters"} {
		if string(key) == k && ok {
			return done
		}
		if !ok && len(key) < len(k)+1 && bytes.HasPrefix([]byte(k), key) {
			return more
		}
	}
	return broken
}
