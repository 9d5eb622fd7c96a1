// Mkrouted writes a GGUF whose routing replays a recorded trace; package moetest
// says how.
//
//	go run ./testdata/mkrouted OUT.gguf --trace testdata/traces/qwen3-30b-a3b.route.csv --layers 8
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moed/moe/ggml"
	"moed/moe/gguf"
	"moed/moe/moetest"
)

func main() {
	err := run(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mkrouted: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var r moetest.Routed
	flags := flag.NewFlagSet("mkrouted OUT.gguf", flag.ContinueOnError)
	trace := flags.String("trace", "", "recorded trace (required)")
	flags.IntVar(&r.Hidden, "d", 2048, "hidden size")
	flags.IntVar(&r.ExpertFF, "ff", 768, "width of an expert")
	flags.IntVar(&r.Heads, "heads", 32, "attention heads")
	flags.IntVar(&r.KVHeads, "kv", 4, "key and value heads")
	flags.IntVar(&r.HeadDim, "hd", 128, "size of a head")
	flags.IntVar(&r.Vocab, "vocab", 2048, "tokens")
	flags.IntVar(&r.Layers, "layers", 0, "layers, 0 for all of the trace")
	flags.IntVar(&r.Context, "ctx", 4096, "context length to claim")
	qt := flags.String("qt", "q4_k", "type of expert tensors: q4_k, q8_0, q4_0 or q6_k")
	qdense := flags.String("qdense", "q8_0", "type of attention tensors, the same choice")
	out, err := parse(flags, args)
	if err != nil {
		return err
	}
	if r.Experts, err = typeNamed(*qt); err != nil {
		return fmt.Errorf("--qt: %w", err)
	}
	if r.Dense, err = typeNamed(*qdense); err != nil {
		return fmt.Errorf("--qdense: %w", err)
	}
	t, err := readTrace(*trace)
	if err != nil {
		return err
	}
	w, err := r.Writer(t)
	if err != nil {
		return err
	}
	return write(out, w)
}

// parse takes flags before and after the one argument, which it returns.
func parse(flags *flag.FlagSet, args []string) (string, error) {
	var rest []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return "", err
		}
		if args = flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if len(rest) != 1 {
		return "", fmt.Errorf("found %d arguments, want the file to write", len(rest))
	}
	return rest[0], nil
}

func typeNamed(name string) (ggml.Type, error) {
	for _, t := range []ggml.Type{ggml.Q4_K, ggml.Q8_0, ggml.Q4_0, ggml.Q6_K} {
		if strings.EqualFold(t.String(), name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("found type %q, want q4_k, q8_0, q4_0 or q6_k", name)
}

func readTrace(path string) (*moetest.Trace, error) {
	if path == "" {
		return nil, errors.New("--trace is missing")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := moetest.ReadTrace(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.Model == "" {
		t.Model = filepath.Base(path)
	}
	return t, nil
}

func write(path string, w *gguf.Writer) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	p := &progress{to: f, next: time.Now().Add(time.Second)}
	_, err = w.WriteTo(p)
	p.end()
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(path) // half a model is of no use
		return fmt.Errorf("write %s: %w", path, err)
	}
	fmt.Printf("%s %.3f GB\n", path, float64(p.done)/1e9)
	return nil
}

// progress passes bytes on and tells once a second how many there were.
type progress struct {
	to    io.Writer
	done  int64
	next  time.Time
	shown bool
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	p.done += int64(n)
	if now := time.Now(); now.After(p.next) {
		fmt.Fprintf(os.Stderr, "\rmkrouted: %.1f GB", float64(p.done)/1e9)
		p.next, p.shown = now.Add(time.Second), true
	}
	return n, err
}

// end leaves the line.
func (p *progress) end() {
	if p.shown {
		fmt.Fprintln(os.Stderr)
	}
}
