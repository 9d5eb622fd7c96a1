package daemon

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"moed/moe"
	"moed/moe/gguf"
	"moed/moe/kernels"
	"moed/moe/tokenizer"
)

// Report is what a GGUF file holds. Numbers that the file does not state are 0.
type Report struct {
	File         string `json:"file"`
	GGUFVersion  uint32 `json:"gguf_version"`
	Architecture string `json:"architecture"`
	Name         string `json:"name,omitempty"`
	Licence      string `json:"licence,omitempty"`

	Parameters    int64 `json:"parameters"`
	Context       int   `json:"context"`
	Layers        int   `json:"layers"`
	Hidden        int   `json:"hidden"`
	Heads         int   `json:"heads"`
	KVHeads       int   `json:"kv_heads"`
	Experts       int   `json:"experts"`
	TopK          int   `json:"top_k"`
	SharedExperts int   `json:"shared_experts"`

	// Packed is whether the experts lie in bundles. What follows counts them as
	// the matrices that they are.
	Packed    bool            `json:"packed"`
	Sizes     Sizes           `json:"sizes"`
	Groups    []Group         `json:"groups"`
	Tokenizer TokenizerReport `json:"tokenizer"`
	Template  TemplateReport  `json:"template"`

	// Runs is whether moed would run the file; if not, Unsupported says why,
	// as far as one look tells.
	Runs        bool     `json:"runs"`
	Unsupported []string `json:"unsupported"`
}

// TokenizerReport is what a file says of its vocabulary.
type TokenizerReport struct {
	Model string `json:"model"`
	Pre   string `json:"pre,omitempty"`
	Size  int    `json:"size"`
}

// TemplateReport is what a file says of its chat template.
type TemplateReport struct {
	Present bool `json:"present"`
	Bytes   int  `json:"bytes"`
	Parses  bool `json:"parses"`
	// Note says which format stands in for a template that is missing or does
	// not parse, and why.
	Note string `json:"note,omitempty"`
}

// Inspect reads the header of the GGUF at path, not its tensor data, and
// reports. It fails only where the file cannot be read as GGUF; a model that
// moed does not run gets a Report that says so.
func Inspect(path string) (*Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	head, err := gguf.Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := report(head)
	r.File, r.Sizes.File = path, info.Size()
	return r, nil
}

// report is everything about a file but its path and size.
func report(f *gguf.File) *Report {
	r := &Report{GGUFVersion: f.Version, Unsupported: []string{}}
	r.Architecture, _ = f.String("general.architecture")
	r.Name, _ = f.String("general.name")
	r.Licence, _ = f.String("general.license")
	r.Packed = f.Has(moe.KeyBundleVersion)
	tensors := stockTensors(f)
	r.readShape(f, tensors)
	r.measure(tensors)
	r.readTemplate(f, r.readTokenizer(f))
	if _, err := moe.ReadConfig(f); err != nil {
		r.unsupported(err)
	}
	r.Runs = len(r.Unsupported) == 0
	return r
}

// stockTensors lists the tensors of a packed file as those of a stock one.
func stockTensors(f *gguf.File) []gguf.Tensor {
	if c, err := moe.ReadConfig(f); err == nil {
		if table, err := moe.ExpertTable(f, c); err == nil {
			return moe.StockTensors(f, table)
		}
	}
	return f.Tensors // what is wrong is told elsewhere
}

func (r *Report) unsupported(err error) {
	r.Unsupported = append(r.Unsupported, err.Error())
}

// readShape takes the numbers straight from the metadata, so that they are
// there for architectures that moed does not know. Where a file gives one
// number per layer, the largest is taken.
func (r *Report) readShape(f *gguf.File, tensors []gguf.Tensor) {
	number := func(key string) int {
		key = r.Architecture + "." + key
		n, err := f.Uint(key)
		if err != nil {
			list, _ := f.Uints(key)
			for _, m := range list {
				n = max(n, m)
			}
		}
		return int(min(n, 1<<53)) // exact in every reader of JSON
	}
	r.Context = number("context_length")
	r.Layers = max(0, number("block_count")-number("nextn_predict_layers"))
	r.Hidden = number("embedding_length")
	r.Heads = number("attention.head_count")
	r.KVHeads = number("attention.head_count_kv")
	if r.KVHeads == 0 {
		r.KVHeads = r.Heads
	}
	r.Experts = number("expert_count")
	r.TopK = number("expert_used_count")
	r.SharedExperts = number("expert_shared_count")
	for i := range tensors {
		if n := int64(tensors[i].Elems()); r.Parameters+n > r.Parameters {
			r.Parameters += n
		}
	}
}

// readTokenizer describes the vocabulary and builds the tokenizer, which is nil
// where that fails.
func (r *Report) readTokenizer(f *gguf.File) *tokenizer.Tokenizer {
	t := &r.Tokenizer
	t.Model, _ = f.String("tokenizer.ggml.model")
	t.Pre, _ = f.String("tokenizer.ggml.pre")
	if v, ok := f.Value("tokenizer.ggml.tokens"); ok {
		t.Size = v.Len()
	}
	vocab, err := moe.Vocab(f)
	if err != nil {
		r.unsupported(err)
		return nil
	}
	tok, err := tokenizer.New(vocab)
	if err != nil {
		r.unsupported(err)
		return nil
	}
	return tok
}

func (r *Report) readTemplate(f *gguf.File, tok *tokenizer.Tokenizer) {
	text, err := f.String("tokenizer.chat_template")
	t := &r.Template
	t.Present, t.Bytes = !errors.Is(err, gguf.ErrNoKey), len(text)
	if tok == nil {
		return
	}
	format, err := moe.Template(f, tok)
	switch {
	case err != nil:
		t.Note = err.Error()
	case format != nil:
		t.Note = format.Note()
		t.Parses = t.Present && t.Note == ""
	}
}

// noKernel lists the types that tensors have and kernels lack.
func (r *Report) noKernel(tensors []gguf.Tensor) {
	count := map[string]int{}
	var order []string
	for i := range tensors {
		t := tensors[i].Type
		if _, ok := kernels.FormOf(t); ok {
			continue
		}
		if count[t.String()]++; count[t.String()] == 1 {
			order = append(order, t.String())
		}
	}
	for _, name := range order {
		r.unsupported(fmt.Errorf("%d tensors of type %s, for which there is no kernel (there are %s)",
			count[name], name, strings.Trim(fmt.Sprint(kernels.Supported()), "[]")))
	}
}
