package userdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// List is names and what they stand for, in a JSON file: one object.
type List[V any] map[string]V

// ReadList reads the list at path. One that is not there is empty.
func ReadList[V any](path string) (List[V], error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return List[V]{}, nil
	}
	if err != nil {
		return nil, err
	}
	l := List[V]{}
	if err := json.Unmarshal(content, &l); err != nil {
		return nil, fmt.Errorf("%s: %w; mend it or delete it", path, err)
	}
	if l == nil { // the file says null
		l = List[V]{}
	}
	return l, nil
}

// Write puts the list into the file at path.
func (l List[V]) Write(path string) error {
	content, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return Write(path, append(content, '\n'))
}
