package moe

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"moed/moe/chat"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/kernels"
	"moed/moe/tokenizer"
)

// ErrContextFull is wrapped by the error for a position beyond the context.
var ErrContextFull = errors.New("the context is full")

// Options say how a model is opened. The zero value is right for one user on
// an idle machine.
type Options struct {
	// Threads computes with that many threads; 0 is the number of processors
	// the process may use.
	Threads int
	// Context is the most positions a session may have; 0 is the model's own
	// context, or 4096 where that is longer.
	Context int
	// Batch is the most tokens in one forward pass, and so the prefill chunk;
	// 0 is 512.
	Batch int
	// KV is the element type of the KV cache.
	KV KVType
	// Experts is where the routed experts come from; nil is the file's own
	// tensors, which must be in memory then. It belongs to the caller, who
	// closes it after the model.
	Experts Experts
	// Stages is who else runs whole layers; nil is nobody.
	Stages Stages
	// Admit is asked before the KV caches grow by some bytes, and told with a
	// negative number when they have shrunk. Its error ends the forward pass
	// that wanted more. nil admits all.
	Admit func(bytes int64) error
}

const (
	defaultContext = 4096
	defaultBatch   = 512
)

// Model is an open model. It can be shared between goroutines; forward passes
// run one at a time.
type Model struct {
	im      *gguf.Image
	config  *Config
	arch    *architecture
	weights *weights
	experts Experts
	tok     *tokenizer.Tokenizer
	kv      kvLayout
	options Options

	mu      sync.Mutex // guards the runner, all KV caches and what is below
	runner  *runner
	kvBytes int64
	closed  bool
}

// Open opens the GGUF at path. The error names the tensor or key that is
// wrong, and lists the supported architectures where the file's is not one.
func Open(path string, o Options) (*Model, error) {
	im, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	return New(im, path, o)
}

// FromBytes opens a GGUF that is in memory, under a name for messages. The
// bytes must not change while the model is open.
func FromBytes(name string, data []byte, o Options) (*Model, error) {
	im, err := gguf.FromBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return New(im, name, o)
}

// New makes a model of an image, which belongs to the model from then on, also
// where New fails. name is for messages.
func New(im *gguf.Image, name string, o Options) (_ *Model, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), im.Close())
		}
	}()
	m := &Model{im: im, experts: o.Experts}
	p, err := measure(im.File, im.Data, o)
	if err != nil {
		return nil, err
	}
	m.config, m.options, m.arch, m.weights, m.kv, m.runner = p.config, p.options, p.arch, p.weights, p.kv, p.runner
	vocab, err := Vocab(im.File)
	if err != nil {
		return nil, err
	}
	if m.tok, err = tokenizer.New(vocab); err != nil {
		return nil, err
	}
	if m.tok.Len() > m.config.Vocab {
		return nil, fmt.Errorf("tokenizer has %d tokens, tensor \"token_embd.weight\" only %d rows", m.tok.Len(), m.config.Vocab)
	}
	if m.experts == nil {
		m.experts = resident{weights: m.weights.experts}
	}
	m.runner.start(m)
	return m, nil
}

// settle replaces zeroes by defaults and rejects what cannot be.
func (o Options) settle(c *Config) (Options, error) {
	switch {
	case o.Threads < 0 || o.Threads > 1024:
		return o, fmt.Errorf("%d threads, want 1 to 1024", o.Threads)
	case o.Context < 0:
		return o, fmt.Errorf("context of %d tokens", o.Context)
	case o.Context > c.Context:
		return o, fmt.Errorf("context of %d tokens, this model has at most %d", o.Context, c.Context)
	case o.Batch < 0 || o.Batch > 1<<16:
		return o, fmt.Errorf("batch of %d tokens, want 1 to %d", o.Batch, 1<<16)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Context == 0 {
		o.Context = min(c.Context, defaultContext)
	}
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	o.Batch = min(o.Batch, o.Context)
	return o, nil
}

// Close gives everything back. Sessions of the model must be closed before.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.runner.pool.Close()
	return m.im.Close()
}

// Config is the model's hyperparameters; callers must not change them.
func (m *Model) Config() *Config { return m.config }

// Options are those the model runs with, defaults filled in.
func (m *Model) Options() Options { return m.options }

// File is the model's file.
func (m *Model) File() *gguf.Image { return m.im }

// Tokenizer is the model's tokenizer.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.tok }

// Template is the model's chat template, nil where the file has none and its
// vocabulary does not tell.
func (m *Model) Template() (*chat.Template, error) { return Template(m.im.File, m.tok) }

// Gates are the routers of all layers.
func (m *Model) Gates() []expert.Gate {
	gates := make([]expert.Gate, len(m.weights.layers))
	for i := range gates {
		l := &m.weights.layers[i]
		gates[i] = expert.Gate{Router: l.router, Norm: l.ffnNorm, Bias: l.routerBias, SelectBias: l.selectBias,
			Sigmoid: m.config.Gating == GatingSigmoid, TopK: m.config.TopK}
	}
	return gates
}

// Memory counts what the model holds now.
func (m *Model) Memory() Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Memory{Dense: m.weights.denseBytes, Experts: m.weights.expertBytes, KV: m.kvBytes, Scratch: m.runner.bytes() + int64(kernels.PoolBytes(m.options.Threads))}
}
