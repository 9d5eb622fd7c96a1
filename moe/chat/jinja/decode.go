package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Decoder turns JSON into values, with the keys of objects in their order.
// Its limits hold over all it decodes.
type Decoder struct {
	values int // left
}

const (
	maxJSONDepth  = 64
	maxJSONValues = 200_000
)

// Decode decodes one JSON value. raw may be hostile: nesting, and the number of
// values over all calls, are limited.
func (d *Decoder) Decode(raw []byte) (any, error) {
	j := d.reader(raw)
	v, err := d.value(j, 0)
	if err != nil {
		return nil, err
	}
	return v, end(j)
}

// DecodeArray decodes a JSON array. On an error it gives the items before the
// one at fault.
func (d *Decoder) DecodeArray(raw []byte) ([]any, error) {
	j := d.reader(raw)
	t, err := j.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, fmt.Errorf("found something else where an array was expected")
	}
	var items []any
	for j.More() {
		v, err := d.value(j, 1)
		if err != nil {
			return items, err
		}
		items = append(items, v)
	}
	if _, err := j.Token(); err != nil {
		return items, err
	}
	return items, end(j)
}

// reader starts on a JSON text.
func (d *Decoder) reader(raw []byte) *json.Decoder {
	if d.values == 0 {
		d.values = maxJSONValues
	}
	j := json.NewDecoder(bytes.NewReader(raw))
	j.UseNumber()
	return j
}

// end makes sure that nothing follows.
func end(j *json.Decoder) error {
	if _, err := j.Token(); err != io.EOF {
		return fmt.Errorf("text follows the JSON value at byte %d", j.InputOffset())
	}
	return nil
}

func (d *Decoder) value(j *json.Decoder, depth int) (any, error) {
	t, err := j.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if d.values--; d.values <= 0 {
		d.values = -1
		return nil, fmt.Errorf("more than %d values", maxJSONValues)
	}
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("nested deeper than %d at byte %d", maxJSONDepth, j.InputOffset())
	}
	switch c := t.(type) {
	case json.Number:
		return numeral(string(c))
	case json.Delim:
		if c == '[' {
			return d.list(j, depth)
		}
		return d.dict(j, depth)
	}
	return t, nil
}

func (d *Decoder) list(j *json.Decoder, depth int) (any, error) {
	var items []any
	for j.More() {
		v, err := d.value(j, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := j.Token()
	return newList(items), err
}

func (d *Decoder) dict(j *json.Decoder, depth int) (any, error) {
	out := newDict(0)
	for j.More() {
		k, err := d.value(j, depth+1)
		if err != nil {
			return nil, err
		}
		v, err := d.value(j, depth+1)
		if err != nil {
			return nil, err
		}
		if err := out.put(k, v); err != nil {
			return nil, err
		}
	}
	_, err := j.Token()
	return out, err
}

// fromJSON is the filter from_json, which some templates use on the arguments
// of a tool call. The smallest object takes some fifty bytes per byte of text.
func fromJSON(r *run, x any, _ []any) (any, error) {
	s, err := wantString(x)
	if err != nil {
		return nil, err
	}
	if err := r.alloc(64 * len(s)); err != nil {
		return nil, err
	}
	var d Decoder
	return d.Decode([]byte(s))
}

// numeral is Python's reading of a JSON number: an integer without a point or
// an exponent, otherwise a float.
func numeral(s string) (any, error) {
	for _, c := range s {
		if c == '.' || c == 'e' || c == 'E' {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, fmt.Errorf("the number %s is too large", short(s))
			}
			return f, nil
		}
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return bigint(s), nil
	}
	return i, nil
}
