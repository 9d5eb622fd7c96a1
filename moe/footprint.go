package moe

import (
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/kernels"
)

// Memory is what a model holds, in bytes.
type Memory struct {
	Dense   int64 // weights that every token needs
	Experts int64 // weights of all experts, wherever they are
	KV      int64 // caches of all sessions
	Scratch int64 // activations of the forward pass
}

// Footprint is what a model would hold, told from its header.
type Footprint struct {
	Config  *Config
	Options Options // defaults filled in
	Memory          // KV is that of one full context
	// KVBlock is by how many bytes a session's KV cache grows at a time, and
	// KVTokens how many positions that is.
	KVBlock  int64
	KVTokens int
	Table    *expert.Table
}

// Measure checks a header as New does and counts, without reading weights.
func Measure(f *gguf.File, o Options) (*Footprint, error) {
	p, err := measure(f, nil, o)
	if err != nil {
		return nil, err
	}
	fp := &Footprint{Config: p.config, Options: p.options, Table: p.weights.table,
		KVBlock: int64(p.kv.blockBytes), KVTokens: kvBlockTokens}
	fp.Dense, fp.Experts = p.weights.denseBytes, p.weights.expertBytes
	fp.Scratch = p.runner.bytes() + int64(kernels.PoolBytes(p.options.Threads))
	fp.KV = int64((p.options.Context+kvBlockTokens-1)/kvBlockTokens) * fp.KVBlock
	return fp, nil
}

// parts are what a model is made of beside its tokenizer.
type parts struct {
	config  *Config
	options Options
	arch    *architecture
	weights *weights
	kv      kvLayout
	runner  *runner // not started
}

// measure binds a file, with data or without.
func measure(f *gguf.File, data func(*gguf.Tensor) []byte, o Options) (p parts, err error) {
	if p.config, err = ReadConfig(f); err != nil {
		return p, err
	}
	if p.options, err = o.settle(p.config); err != nil {
		return p, err
	}
	if p.arch, err = architectureOf(p.config.Architecture); err != nil {
		return p, err
	}
	if p.weights, err = bind(f, data, o.Experts == nil, p.config, p.arch); err != nil {
		return p, err
	}
	if p.kv, err = newKVLayout(p.config, p.options.KV); err != nil {
		return p, err
	}
	p.runner, err = newRunner(p.config, p.arch, p.weights, &p.kv, &p.options)
	return p, err
}
