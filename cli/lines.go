package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// lines reads a stream line by line, with one buffer for all who read from it.
type lines struct{ b *bufio.Reader }

// lines of in. Those of standard input are always the same.
func (u *ui) lines(in io.Reader) *lines {
	if in != u.std.In {
		return &lines{bufio.NewReader(in)}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.in == nil {
		u.in = &lines{bufio.NewReader(in)}
	}
	return u.in
}

// read is the next line without its end; io.EOF beside "" is that there is none.
func (l *lines) read() (string, error) {
	line, err := l.b.ReadString('\n')
	if line != "" && errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
