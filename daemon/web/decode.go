package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"moed/daemon"
)

// Limits of a body.
const (
	MaxBody  = 32 << 20 // bytes
	MaxDepth = 64       // of nested arrays and objects
)

// Decode reads the one JSON value that a request's body is into dst. Unknown
// fields are let pass; what is too long, nests too deep, is no UTF-8, names a
// field of the outer object twice or goes on after the value is a
// *daemon.RequestError, which names the field where one has the wrong type.
func Decode(r *http.Request, dst any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return &daemon.RequestError{Err: fmt.Errorf("read the body: %w", err)}
	}
	if len(body) > MaxBody {
		return &daemon.RequestError{Err: fmt.Errorf("the body is longer than %d bytes", MaxBody)}
	}
	if err := check(body); err != nil {
		return &daemon.RequestError{Err: err}
	}
	err = json.Unmarshal(body, dst)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &daemon.RequestError{Param: wrong.Field, Err: fmt.Errorf("found %s, want %s", wrong.Value, kind(wrong.Type.Kind().String()))}
	}
	if err != nil {
		return &daemon.RequestError{Err: fmt.Errorf("the body is not the JSON that is wanted: %w", err)}
	}
	return nil
}

// kind is what users call a Go type.
func kind(of string) string {
	switch of {
	case "struct", "map":
		return "an object"
	case "slice", "array":
		return "an array"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "float64", "float32":
		return "a number"
	}
	return "a whole number in range"
}

// check looks at what json.Unmarshal lets pass.
func check(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errors.New("the body is empty; JSON is wanted")
	}
	if !utf8.Valid(body) {
		return errors.New("the body is not UTF-8")
	}
	if err := shallow(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	first, err := d.Token()
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if first != json.Delim('{') {
		return errors.New("the body is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
		name, _ := key.(string)
		if seen[name] {
			return fmt.Errorf("the field %q is there twice", name)
		}
		seen[name] = true
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// shallow bounds the nesting before anything recurses into it.
func shallow(body []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return fmt.Errorf("the body nests deeper than %d", MaxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
