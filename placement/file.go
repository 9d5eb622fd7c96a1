package placement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// FileVersion is the version of files that ReadFile reads.
const FileVersion = 1

// File is a plan as it is kept, with the problem that it solves but for the
// tokens.
type File struct {
	Version int   `json:"version"`
	Model   Model `json:"model"`
	Problem
	Plan
}

// Model says whose experts are placed, as far as is known.
type Model struct {
	Name   string `json:"name,omitempty"`
	Size   int64  `json:"size,omitempty"`   // bytes of its file
	Header string `json:"header,omitempty"` // SHA-256, in hex, of its file's bytes before the tensors; a packed file has that of its source
}

// largestFile is far beyond that of maxExperts.
const largestFile = 64 << 20

// ReadFile reads a plan and checks that it fits its problem.
func ReadFile(r io.Reader) (*File, error) {
	content, err := io.ReadAll(io.LimitReader(r, largestFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > largestFile {
		return nil, fmt.Errorf("a plan of more than %d bytes", largestFile)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return nil, fmt.Errorf("not a plan: %w", err)
	}
	if version.Version != FileVersion {
		return nil, fmt.Errorf("found a plan of version %d, want %d", version.Version, FileVersion)
	}
	f := &File{}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("not a plan: %w", err)
	}
	if err := f.Problem.Check(); err != nil {
		return nil, err
	}
	return f, f.Assignment.Check(&f.Problem)
}

// Write writes the plan, which fits its problem, with a line for each thing of
// the outer two levels.
func (f *File) Write(w io.Writer) error {
	if err := f.Assignment.Check(&f.Problem); err != nil {
		return err
	}
	out := *f
	out.Version = FileVersion
	content, err := json.Marshal(&out)
	if err != nil {
		return err
	}
	_, err = w.Write(lines(content, 2))
	return err
}

// lines breaks JSON without spaces after what is at most so deep.
func lines(content []byte, deep int) []byte {
	var out []byte
	depth, quoted, escaped := 0, false, false
	brk := func() {
		if depth <= deep {
			out = append(out, '\n')
			out = append(out, bytes.Repeat([]byte("  "), depth)...)
		}
	}
	for i, c := range content {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
			out = append(out, c)
			if next := content[i+1]; next != '}' && next != ']' {
				brk()
			}
			continue
		case c == '}' || c == ']':
			if last := content[i-1]; depth <= deep && last != '{' && last != '[' {
				depth--
				brk()
			} else {
				depth--
			}
		case c == ',':
			out = append(out, c)
			brk()
			continue
		}
		out = append(out, c)
	}
	return append(out, '\n')
}
