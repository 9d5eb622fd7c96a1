package cli

import (
	"context"
	"time"

	"moed/daemon"
	"moed/daemon/api"
)

// remote is a model of the daemon.
type remote struct {
	client *api.Client
	model  api.Model // its zero value is the daemon's default
	load   time.Duration
	status func(line string) // is told what the daemon does before it answers; may be nil
}

func (r *remote) Name() string            { return r.model.Name }
func (r *remote) Notes() []string         { return nil }
func (r *remote) LoadTime() time.Duration { return r.load }
func (r *remote) Close() error            { r.client.Close(); return nil }

// HasTemplate is not told by the daemon, which says itself what it cannot do.
func (r *remote) HasTemplate() bool { return true }

// Generate asks the daemon.
func (r *remote) Generate(ctx context.Context, q *daemon.Request, emit func(daemon.Piece) error) (daemon.Result, error) {
	var first time.Duration
	began := time.Now()
	result, err := r.client.Chat(ctx, r.request(q), func(p api.ChatPiece) error {
		if p.Progress != nil {
			r.progress(q, p.Progress)
			return nil
		}
		if first == 0 {
			first = time.Since(began)
		}
		return emit(pieceOf(p))
	})
	if result == nil {
		return daemon.Result{}, remoteError(ctx, err)
	}
	if r.model.Name == "" {
		r.model.Name = result.Model
	}
	r.load = result.Load
	return resultOf(result, first), remoteError(ctx, err)
}

// remoteError is the context's where that is why.
func remoteError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return ofDaemon(err)
}

func (r *remote) progress(q *daemon.Request, p *api.Progress) {
	if p.Text != "" {
		if r.status != nil {
			r.status(p.Text)
		}
		return
	}
	if q.Progress != nil && p.Total > 0 {
		q.Progress(daemon.PromptProgress{Total: p.Total, Cached: p.Cached, Read: p.Read})
	}
}

// request says all of q, so that it is answered as it would be here.
func (r *remote) request(q *daemon.Request) *api.ChatRequest {
	s := q.Sampling
	for _, v := range []*float64{&s.RepeatPenalty, &s.TopP} { // of which 0 and 1 mean the same, and the daemon takes 1
		if *v == 0 {
			*v = 1
		}
	}
	return &api.ChatRequest{
		Model: r.model.Name, Messages: q.Messages, System: q.System, Prompt: q.Prompt, Raw: q.Raw, Suffix: q.Suffix,
		Tools: q.Tools, ToolChoice: q.ToolChoice, Format: q.Format, Kwargs: q.Kwargs,
		MaxTokens: q.MaxTokens, Stop: q.Stop, LogProbs: q.LogProbs,
		Sampling: api.Sampling{Temperature: &s.Temperature, TopK: &s.TopK, TopP: &s.TopP, MinP: &s.MinP,
			RepeatPenalty: &s.RepeatPenalty, RepeatLastN: &s.RepeatLastN, FrequencyPenalty: &s.FrequencyPenalty,
			PresencePenalty: &s.PresencePenalty, Seed: &s.Seed, LogitBias: s.LogitBias},
	}
}

func pieceOf(p api.ChatPiece) daemon.Piece {
	d := daemon.Piece{Text: p.Text, Reasoning: p.Reasoning, LogProbs: logProbsOf(p.LogProbs)}
	if c := p.Call; c != nil {
		d.Call = &daemon.CallPiece{Index: c.Index, ID: c.ID, Name: c.Name, Arguments: c.Arguments}
	}
	return d
}

// resultOf has what the daemon tells; it does not tell the tokens themselves.
func resultOf(r *api.ChatResult, first time.Duration) daemon.Result {
	t := r.Timings
	milliseconds := func(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
	d := daemon.Result{
		Text: r.Text, Reasoning: r.Reasoning, Finish: r.Finish, IDs: make([]int32, r.Usage.Completion),
		PromptTokens: r.Usage.Prompt, CachedTokens: r.Usage.Cached, ReasonTokens: r.Usage.Reasoning, LogProbs: logProbsOf(r.LogProbs),
		Timings: daemon.Timings{Prefill: milliseconds(t.PromptMS), FirstToken: first, Decode: milliseconds(t.PredictedMS), Decoded: t.PredictedN},
		Experts: daemon.ExpertUse{Hits: r.Experts.Hits, Misses: r.Experts.Misses, BytesRead: r.Experts.BytesRead, Stall: milliseconds(r.Experts.StallMS)},
	}
	for _, c := range r.Calls {
		d.Calls = append(d.Calls, daemon.Call{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	return d
}

// logProbsOf has no numbers of tokens, which the daemon does not tell: they are
// -1.
func logProbsOf(list []api.TokenLogProb) (all []daemon.TokenLogProb) {
	one := func(p api.LogProb) daemon.LogProb { return daemon.LogProb{ID: -1, Text: p.Token, Log: p.Log} }
	for _, p := range list {
		t := daemon.TokenLogProb{LogProb: one(p.LogProb), Top: []daemon.LogProb{}}
		for _, top := range p.Top {
			t.Top = append(t.Top, one(top))
		}
		all = append(all, t)
	}
	return all
}
