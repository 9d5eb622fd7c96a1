package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// event is one of an SSE stream, or a comment in it.
type event struct {
	name    string // "" where it has none
	data    []byte // its lines, joined; nil for a comment
	comment string
}

// events reads an SSE stream.
type events struct {
	lines *bufio.Scanner
}

const maxEvent = 16 << 20

func newEvents(r io.Reader) *events {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxEvent)
	return &events{lines: s}
}

// next is the next event or comment, or io.EOF. What it returns is the caller's.
func (e *events) next() (event, error) {
	var got event
	for e.lines.Scan() {
		line := bytes.TrimSuffix(e.lines.Bytes(), []byte("\r"))
		if len(line) == 0 {
			if got.data != nil {
				return got, nil
			}
			got = event{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "":
			if got.data == nil && got.name == "" {
				return event{comment: string(value)}, nil
			}
		case "event":
			got.name = string(value)
		case "data":
			if len(got.data)+len(value) > maxEvent {
				return event{}, fmt.Errorf("an event of more than %d bytes", maxEvent)
			}
			if got.data != nil {
				got.data = append(got.data, '\n')
			}
			got.data = append(got.data, value...)
			if got.data == nil {
				got.data = []byte{}
			}
		}
	}
	if err := e.lines.Err(); err != nil {
		return event{}, err
	}
	return event{}, io.EOF // what has no empty line after it is not an event
}
