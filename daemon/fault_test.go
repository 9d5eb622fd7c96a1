package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"moed/flashio"
	"moed/flashio/flashtest"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/moetest"
	"moed/offload"
	"moed/offload/budget"
)

// modelFile writes a model of random weights, packed or not, and returns its
// path.
func modelFile(t testing.TB, s moetest.Spec, layout string) string {
	t.Helper()
	path := tinyModel(t, s)
	if layout == "packed" {
		path = packed(t, path).path
	}
	return path
}

// routed is a Spec that reads many experts for a token.
func routed(model string) moetest.Spec {
	return moetest.Spec{Model: model, Layers: 4, Experts: 16, TopK: 4, Type: ggml.Q8_0, Seed: 3}
}

// smallest is the least memory that c's model is opened in.
func smallest(t *testing.T, c Config) int64 {
	t.Helper()
	c.Memory = "1M"
	e, err := Open(t.Context(), c)
	if err == nil {
		e.Close()
	}
	var small *budget.TooSmall
	if !errors.As(err, &small) {
		t.Fatalf("opened in 1 MB: %v", err)
	}
	return small.Smallest
}

// least is c with the least memory and a share of the experts.
func least(t *testing.T, c Config, share float64) Config {
	t.Helper()
	h, err := readHeader(c.Model)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(h.file, moe.Options{Context: c.Context})
	if err != nil {
		t.Fatal(err)
	}
	c.Memory = fmt.Sprint(smallest(t, c) + int64(share*float64(offload.SlotBytes(fp.Table))))
	return c
}

// opened opens a model, and ends what would change its memory from outside.
func opened(t *testing.T, c Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if e.memory != nil && e.memory.pressure != nil {
		if err := e.memory.pressure.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// endless is a request for exactly so many tokens, each of which is a piece of
// text.
func endless(e *Engine, tokens int) *Request {
	r := &Request{Prompt: "abc hello", MaxTokens: tokens, Raw: true}
	r.Sampling.LogitBias = map[int32]float64{}
	tok := e.model.Tokenizer()
	for id := range int32(e.model.Config().Vocab) {
		if text := tok.Decode([]int32{id}); tok.IsEnd(id) || text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			r.Sampling.LogitBias[id] = -1e9
		}
	}
	return r
}

// reference are the tokens of a request with everything in memory.
func reference(t *testing.T, path string, tokens int) []int32 {
	t.Helper()
	e, err := Open(t.Context(), Config{Model: path, Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Generate(t.Context(), endless(e, tokens), func(Piece) error { return nil })
	if err = errors.Join(err, e.Close()); err != nil || len(got.IDs) != tokens {
		t.Fatalf("%d tokens, want %d: %v", len(got.IDs), tokens, err)
	}
	return got.IDs
}

// changes are what may happen to a model's file while it is open.
var changes = map[string]func(path string) error{
	"cut off":       func(path string) error { return os.Truncate(path, 5000) },
	"emptied":       func(path string) error { return os.Truncate(path, 0) },
	"longer":        func(path string) error { return write(path, os.O_APPEND, "more") },
	"overwritten":   func(path string) error { return errors.Join(write(path, 0, "GGUF"), touch(path)) },
	"touched":       touch,
	"another there": replace,
	"removed":       os.Remove,
}

func write(path string, flag int, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flag, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// touch makes sure of another time, also where the clock of the file system has
// not moved on.
func touch(path string) error {
	then := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	return os.Chtimes(path, then, then)
}

// replace puts a copy of the file in its place, of the same size and time.
func replace(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path+".new", b, 0o666), os.Chtimes(path+".new", info.ModTime(), info.ModTime()),
		os.Rename(path+".new", path))
}

// changed reports what is wrong with the error of a file that has changed.
func changed(err error, path string) error {
	switch {
	case !errors.Is(err, flashio.ErrChanged):
		return fmt.Errorf("found %v, want one that is ErrChanged", err)
	case !strings.Contains(err.Error(), path):
		return fmt.Errorf("%v does not name %s", err, path)
	}
	return nil
}

// TestFileChanges: a file that changes between two tokens ends the text with an
// error, and nothing else.
func TestFileChanges(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be changed here")
	}
	for _, backend := range flashio.Backends() {
		for name, change := range changes {
			t.Run(fmt.Sprintf("%v/%s", backend, name), func(t *testing.T) {
				before := runtime.NumGoroutine()
				c := Config{Model: modelFile(t, routed("qwen3moe"), "stock"), Context: 512, Flash: FlashConfig{Backend: backend.String()}}
				e, err := Open(t.Context(), least(t, c, 0.1))
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := e.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
					for runtime.NumGoroutine() > before { // for ever, if one hangs
						runtime.Gosched()
					}
				}()
				pieces := 0
				got, err := e.Generate(t.Context(), endless(e, 100), func(Piece) error {
					if pieces++; pieces == 3 {
						return change(c.Model)
					}
					return nil
				})
				if err := changed(err, c.Model); err != nil {
					t.Error(err)
				}
				// The engine goes on while a piece is being taken.
				if len(got.IDs) < 3 || len(got.IDs) == 100 || pieces > len(got.IDs) {
					t.Errorf("%d tokens, %d pieces came, want 3 or a few more", len(got.IDs), pieces)
				}
				_, err = e.Generate(t.Context(), endless(e, 5), func(Piece) error { return errors.New("a text of a changed file") })
				if err := changed(err, c.Model); err != nil {
					t.Errorf("the next text: %v", err)
				}
			})
		}
	}
}

// trap is a file to which something happens as it is read.
type trap struct {
	flashio.Source
	spring atomic.Pointer[func() error]
}

func (s *trap) ReadVec(bufs [][]byte, off int64) (int, error) {
	if f := s.spring.Load(); f != nil {
		if err := (*f)(); err != nil {
			return 0, err
		}
	}
	return s.Source.ReadVec(bufs, off)
}

// open has a flashOptions.open that sets the trap.
func (s *trap) open(path string, o flashio.Options) (*flashio.Reader, error) {
	under, info, err := flashio.OpenSource(path, o.Backend)
	if err != nil {
		return nil, err
	}
	s.Source, o.Backend = under, info.Backend
	return flashio.NewReader(s, path, info.Size, o), nil
}

// TestFileChangesUnderRead: a file that changes after it was looked at and
// before an expert is read, in the prompt or in the answer. Then the read fails,
// or worse, it does not.
func TestFileChangesUnderRead(t *testing.T) {
	tests := map[string]struct {
		change func(path string) error
		want   error // beside ErrChanged
	}{
		"cut off":                   {func(path string) error { return os.Truncate(path, 5000) }, io.ErrUnexpectedEOF},
		"overwritten, and readable": {touch, nil},
		"replaced, and not to read": {func(path string) error { return errors.Join(touch(path), syscall.EIO) }, syscall.EIO},
	}
	for name, test := range tests {
		for at := range 3 { // pieces before it happens
			t.Run(fmt.Sprintf("%s/after %d", name, at), func(t *testing.T) {
				path := modelFile(t, routed("qwen3moe"), "stock")
				trap := &trap{}
				c := Config{Model: path, Context: 512, Flash: FlashConfig{open: trap.open}}
				e := opened(t, least(t, c, 0))
				spring := func() error { return test.change(path) }
				if at == 0 {
					trap.spring.Store(&spring)
				}
				pieces, most := 0, 100
				if at == 0 { // the last token of a text is computed from the file too
					most = 1
				}
				got, err := e.Generate(t.Context(), endless(e, most), func(Piece) error {
					if pieces++; pieces == at {
						trap.spring.Store(&spring)
					}
					return nil
				})
				if err := changed(err, path); err != nil {
					t.Error(err)
				}
				if test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("%v is not %v", err, test.want)
				}
				// The engine goes on while a piece is being taken.
				if n := len(got.IDs); n < at || n == most || pieces > n || at == 0 && n > 0 {
					t.Errorf("%d tokens, %d pieces of a changed file, want %d or a few more", n, pieces, at)
				}
			})
		}
	}
}

// TestReadFails: experts that cannot be read fail a request, with all that is
// needed to find the place, and no other request.
func TestReadFails(t *testing.T) {
	const tokens, layer = 40, 2
	for _, layout := range []string{"stock", "packed"} {
		path := modelFile(t, routed("qwen3moe"), layout)
		want := reference(t, path, tokens)
		for _, ahead := range []int{-1, 2} {
			t.Run(fmt.Sprintf("%s/ahead=%d", layout, ahead), func(t *testing.T) {
				var source *flashtest.Source
				c := Config{Model: path, Context: 512, Flash: FlashConfig{Ahead: ahead, open: func(path string, o flashio.Options) (r *flashio.Reader, err error) {
					r, source, err = flashtest.Open(path, o)
					return r, err
				}}}
				e := opened(t, least(t, c, 0.1))
				l := &e.memory.footprint.Table.Layers[layer]
				from, to := extent(l)
				pieces := 0
				got, err := e.Generate(t.Context(), endless(e, tokens), func(Piece) error {
					if pieces++; pieces == 3 {
						source.SetRules(flashtest.Rule{Fault: flashtest.EIO, From: from, To: to})
					}
					return nil
				})
				var read *flashio.ReadError
				if !errors.Is(err, syscall.EIO) || !errors.As(err, &read) || errors.Is(err, flashio.ErrChanged) {
					t.Fatalf("found %v, want a ReadError with EIO", err)
				}
				if read.Name != path || read.Offset+read.Length <= from || read.Offset >= to {
					t.Errorf("found the place %s, %d, want %s, %d to %d", read.Name, read.Offset, path, from, to)
				}
				id := -1
				at := fmt.Sprintf(" of layer %d: read %d bytes at %d of %s: ", layer, read.Length, read.Offset, path)
				if before, _, ok := strings.Cut(err.Error(), at); !ok {
					t.Errorf("%q does not contain %q", err, at)
				} else if _, err := fmt.Sscanf(before[strings.LastIndex(before, "read expert"):], "read expert %d", &id); err != nil || !within(l, id, read.Offset) {
					t.Errorf("%q: expert %d is not at %d", before, id, read.Offset)
				}
				if len(got.IDs) < 3 || !slices.Equal(got.IDs, want[:len(got.IDs)]) {
					t.Errorf("before that came %v, want the beginning of %v", got.IDs, want)
				}
				source.SetRules()
				got, err = e.Generate(t.Context(), endless(e, tokens), func(Piece) error { return nil })
				if err != nil || !slices.Equal(got.IDs, want) {
					t.Errorf("the next text is %v, want %v: %v", got.IDs, want, err)
				}
			})
		}
	}
}

// extent is the part of the file with the experts of a layer.
func extent(l *expert.Layer) (from, to int64) {
	if l.Bundles.Group > 0 {
		return l.Bundles.Offset, l.Bundles.Offset + int64(l.Experts)*l.Bundles.Stride
	}
	from = min(l.Gate.Offset, l.Up.Offset, l.Down.Offset)
	n := int64(l.Experts)
	to = max(l.Gate.Offset+n*l.Gate.Size, l.Up.Offset+n*l.Up.Size, l.Down.Offset+n*l.Down.Size)
	// But for the pages that it shares with others.
	from = (from + flashio.Alignment - 1) / flashio.Alignment * flashio.Alignment
	return from, to / flashio.Alignment * flashio.Alignment
}

// within reports whether a read at an aligned offset is for an expert of l.
func within(l *expert.Layer, id int, offset int64) bool {
	if l.Bundles.Group > 0 {
		return offset/l.Bundles.Stride == l.Bundles.Offset/l.Bundles.Stride+int64(id) || offset == l.Bundles.Offset+int64(id)*l.Bundles.Stride
	}
	for _, m := range []expert.Stack{l.Gate, l.Up, l.Down} {
		start, length, _ := flashio.Window(m.Offset+int64(id)*m.Size, m.Size)
		if offset >= start && offset < start+length {
			return true
		}
	}
	return false
}

// TestReplacedBetween: a file that is another one as soon as its header was read
// is not opened.
func TestReplacedBetween(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	c := Config{Model: path, Flash: FlashConfig{open: func(path string, o flashio.Options) (*flashio.Reader, error) {
		b, err := os.ReadFile(path)
		if err == nil {
			err = errors.Join(os.WriteFile(path+".new", bytes.Repeat(b, 2), 0o666), os.Rename(path+".new", path))
		}
		if err != nil {
			return nil, err
		}
		return flashio.Open(path, o)
	}}}
	e, err := Open(t.Context(), c)
	if err == nil {
		e.Close()
	}
	if !errors.Is(err, flashio.ErrChanged) {
		t.Errorf("found %v, want ErrChanged", err)
	}
}
