package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"moed/moe"
	"moed/moe/sample"
	"moed/moe/tokenizer"
)

// BenchOptions say what to measure. At most one of Prompt, PromptTokens and
// PromptIDs is given; without any the prompt is DefaultBenchPrompt.
type BenchOptions struct {
	Config
	Prompt       string  // read as it is, without a template
	PromptTokens int     // that many tokens of an ordinary text
	PromptIDs    []int32 // just these
	Tokens       int     // to make; 0 is as many as TeacherIDs, or 32
	// TeacherIDs are fed one at a time in place of the model's own choices.
	TeacherIDs []int32
	// TopLogits is how many of the largest logits are reported per position.
	TopLogits int
}

// DefaultBenchPrompt is short, and every tokenizer knows it.
const DefaultBenchPrompt = "Once upon a time"

const defaultBenchTokens = 32

// benchText is repeated for a prompt of a given number of tokens.
const benchText = "The old harbour lay quiet in the morning. Three boats had gone out before dawn, and the women on the quay " +
	"were mending nets and counting the hours. By noon the wind had turned, and everybody looked to the west. "

// BenchResult is what was measured. Choices are greedy, an end of text does not
// end the run, and the seconds are those of the wall.
type BenchResult struct {
	Model        string `json:"model"`
	Threads      int    `json:"threads"`
	KV           string `json:"kv"`
	PromptTokens int    `json:"prompt_tokens"`
	Tokens       int    `json:"tokens"`

	Load        float64 `json:"load_s"`
	FirstToken  float64 `json:"ttft_s"` // from the prompt's ids to the first choice
	PrefillRate float64 `json:"prefill_tok_s"`
	DecodeRate  float64 `json:"decode_tok_s"` // of the tokens after the first
	DecodeP50   float64 `json:"decode_p50_ms"`
	DecodeP99   float64 `json:"decode_p99_ms"`
	PeakRSS     int64   `json:"peak_rss_bytes"`

	// FlashResult is nil where no experts are read from a file.
	*FlashResult

	// IDs are the model's choices, also where it was fed a teacher's.
	IDs    []int32 `json:"ids"`
	Text   string  `json:"text"`
	SHA256 string  `json:"text_sha256"` // of Text's bytes

	// Logits are the largest after the prompt's last token and after each
	// token that followed, as pairs of id and logit, the largest first.
	Logits [][]LogitPair `json:"logits,omitempty"`
}

// LogitPair is written as [id, logit].
type LogitPair struct {
	ID    int32
	Logit float32
}

// MarshalJSON gives all the digits that tell float32s apart, and null for what
// JSON has no number for.
func (p LogitPair) MarshalJSON() ([]byte, error) {
	if l := float64(p.Logit); math.IsNaN(l) || math.IsInf(l, 0) {
		return fmt.Appendf(nil, "[%d,null]", p.ID), nil
	}
	return fmt.Appendf(nil, "[%d,%v]", p.ID, p.Logit), nil
}

// Bench measures one run.
func Bench(ctx context.Context, o BenchOptions) (*BenchResult, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o.settle()
	e, err := Open(ctx, o.Config)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	ids, err := o.prompt(e)
	if err != nil {
		return nil, err
	}
	if err := o.fits(e, len(ids)); err != nil {
		return nil, err
	}
	b := &bench{BenchOptions: o, engine: e, watch: newWatch(e)}
	if err := b.run(ctx, ids); err != nil {
		return nil, err
	}
	return b.report(ctx, len(ids))
}

// Check reports what is wrong with o, as far as that can be told without the
// model.
func (o *BenchOptions) Check() error {
	given := 0
	for _, is := range []bool{o.Prompt != "", o.PromptTokens != 0, len(o.PromptIDs) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return fmt.Errorf("the prompt is given in more than one form")
	case o.PromptTokens < 0 || o.Tokens < 0 || o.TopLogits < 0:
		return fmt.Errorf("a number of tokens or logits is negative")
	case len(o.TeacherIDs) > 0 && o.Tokens > len(o.TeacherIDs):
		return fmt.Errorf("%d tokens wanted, but there are only %d teacher ids", o.Tokens, len(o.TeacherIDs))
	}
	return o.Config.Check()
}

// settle fills in what was left out.
func (o *BenchOptions) settle() {
	o.Flash.measured()
	if o.Prompt == "" && o.PromptTokens == 0 && len(o.PromptIDs) == 0 {
		o.Prompt = DefaultBenchPrompt
	}
	if o.Tokens == 0 {
		o.Tokens = defaultBenchTokens
		if len(o.TeacherIDs) > 0 {
			o.Tokens = len(o.TeacherIDs)
		}
	}
	// A prompt of known length gets the room it needs, if the model has it.
	if need := max(o.PromptTokens, len(o.PromptIDs)) + o.Tokens; o.Context == 0 && need > 4096 {
		o.Context = need
	}
}

// prompt is the ids to begin with.
func (o *BenchOptions) prompt(e *Engine) ([]int32, error) {
	tok := e.model.Tokenizer()
	switch {
	case len(o.PromptIDs) > 0:
		return o.PromptIDs, nil
	case o.PromptTokens == 0:
		return e.raw(o.Prompt), nil
	}
	if err := o.fits(e, o.PromptTokens); err != nil {
		return nil, err
	}
	ids := tok.Encode(nil, benchText, tokenizer.Options{AddSpecial: true})
	for len(ids) < o.PromptTokens {
		before := len(ids)
		if ids = tok.Encode(ids, benchText, tokenizer.Options{}); len(ids) == before {
			return nil, fmt.Errorf("this tokenizer makes no tokens of an ordinary text; give prompt ids")
		}
	}
	return ids[:o.PromptTokens], nil
}

func (o *BenchOptions) fits(e *Engine, prompt int) error {
	room := e.model.Options().Context
	if prompt <= room-o.Tokens {
		return nil
	}
	return fmt.Errorf("%d prompt tokens and %d more do not fit a context of %d: %w", prompt, o.Tokens, room, moe.ErrContextFull)
}

// bench is one measured run.
type bench struct {
	BenchOptions
	engine  *Engine
	ids     []int32
	logits  [][]LogitPair
	prefill time.Duration
	first   time.Duration
	steps   []time.Duration
	watch   *watch
}

// run makes Tokens choices. The last of them is consumed too where logits are
// wanted, for those after it.
func (b *bench) run(ctx context.Context, prompt []int32) error {
	began := time.Now()
	logits, err := b.engine.session.Prefill(ctx, prompt, moe.PrefillOptions{})
	if err != nil {
		return err
	}
	b.prefill = time.Since(began)
	b.watch.decoding()
	greedy, err := sample.New(sample.Options{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		b.note(logits)
		if i == b.Tokens {
			return nil
		}
		id, err := greedy.Next(logits)
		if err != nil {
			return err
		}
		if i == 0 {
			b.first = time.Since(began)
		}
		b.ids = append(b.ids, id)
		if i+1 == b.Tokens && b.TopLogits == 0 {
			return nil
		}
		if len(b.TeacherIDs) > 0 {
			id = b.TeacherIDs[i]
		}
		step := time.Now()
		if logits, err = b.engine.session.Step(ctx, id); err != nil {
			return err
		}
		b.steps = append(b.steps, time.Since(step))
	}
}

func (b *bench) note(logits []float32) {
	if b.TopLogits == 0 {
		return
	}
	top := sample.Top(logits, b.TopLogits)
	pairs := make([]LogitPair, len(top))
	for i, c := range top {
		pairs[i] = LogitPair(c)
	}
	b.logits = append(b.logits, pairs)
}

func (b *bench) report(ctx context.Context, promptTokens int) (*BenchResult, error) {
	flash, err := b.watch.result(ctx, b.engine, b.steps)
	if err != nil {
		return nil, err
	}
	var all time.Duration
	for _, d := range b.steps {
		all += d
	}
	text := b.engine.model.Tokenizer().Decode(b.ids)
	sum := sha256.Sum256([]byte(text))
	o := b.engine.model.Options()
	return &BenchResult{
		Model: b.engine.name, Threads: o.Threads, KV: o.KV.String(), PromptTokens: promptTokens, Tokens: len(b.ids),
		Load: b.engine.load.Seconds(), FirstToken: b.first.Seconds(),
		PrefillRate: Rate(promptTokens, b.prefill), DecodeRate: Rate(len(b.steps), all),
		DecodeP50: quantile(b.steps, 0.50), DecodeP99: quantile(b.steps, 0.99),
		PeakRSS: peakRSS(), FlashResult: flash,
		IDs: b.ids, Text: text, SHA256: hex.EncodeToString(sum[:]), Logits: b.logits,
	}, nil
}

// quantile is the smallest of ds, in milliseconds, that at least a share q of
// them do not exceed.
func quantile(ds []time.Duration, q float64) float64 {
	if len(ds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ds))
	i := int(q*float64(len(sorted)) + 0.999999)
	return float64(sorted[min(max(i, 1), len(sorted))-1]) / float64(time.Millisecond)
}
