package ollama

import (
	"strings"
	"time"

	"moed/daemon"
)

// answer is one line of what goes back, or all of it.
type answer struct {
	Model      string    `json:"model"`
	CreatedAt  string    `json:"created_at"`
	Message    *message  `json:"message,omitempty"`  // of a chat
	Response   *string   `json:"response,omitempty"` // of a generation, as the next two
	Thinking   string    `json:"thinking,omitempty"`
	Context    []int32   `json:"context,omitempty"`
	Done       bool      `json:"done"`
	DoneReason string    `json:"done_reason,omitempty"`
	Logprobs   []logprob `json:"logprobs,omitempty"`
	*metrics
}

// metrics come with the last line, in nanoseconds. Clients take 0 for a field
// that is missing, so that none of them is 0.
type metrics struct {
	TotalDuration      int64 `json:"total_duration"`
	LoadDuration       int64 `json:"load_duration"`
	PromptEvalCount    int   `json:"prompt_eval_count"`
	PromptEvalDuration int64 `json:"prompt_eval_duration"`
	EvalCount          int   `json:"eval_count"`
	EvalDuration       int64 `json:"eval_duration"`
}

type logprob struct {
	tokenLogprob
	Top []tokenLogprob `json:"top_logprobs,omitempty"`
}

type tokenLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// line is an answer with that text in it.
func (q *question) line(model, text, thinking string) answer {
	a := answer{Model: model, CreatedAt: stamp(time.Now())}
	if q.chat {
		a.Message = &message{Role: "assistant", Content: text, Thinking: thinking}
	} else {
		a.Response, a.Thinking = &text, thinking
	}
	return a
}

// last is the answer that ends a stream, without text.
func (q *question) last(model string, res *daemon.Result, began time.Time, load time.Duration) answer {
	a := q.line(model, "", "")
	a.Done, a.DoneReason = true, "stop"
	if res.Finish == daemon.FinishLength {
		a.DoneReason = "length"
	}
	t, total := &res.Timings, time.Since(began)
	prefill := t.Prefill - t.Queued
	a.metrics = &metrics{
		TotalDuration:      int64(max(1, total)),
		LoadDuration:       int64(max(1, load)),
		PromptEvalCount:    res.PromptTokens,
		PromptEvalDuration: int64(max(1, prefill)),
		EvalCount:          len(res.IDs),
		EvalDuration:       int64(max(1, t.Decode+t.FirstToken-t.Prefill)),
	}
	return a
}

// logprobs are those of tokens, with as many alternatives as were asked for.
func (q *question) logprobsOf(e *daemon.Engine, tokens []daemon.TokenLogProb) []logprob {
	var out []logprob
	for _, t := range tokens {
		l := logprob{tokenLogprob: tokenOf(e, t.LogProb)}
		for _, alternative := range t.Top[:min(q.top, len(t.Top))] {
			l.Top = append(l.Top, tokenOf(e, alternative))
		}
		out = append(out, l)
	}
	return out
}

func tokenOf(e *daemon.Engine, p daemon.LogProb) tokenLogprob {
	raw := []byte(p.Text)
	if strings.ContainsRune(p.Text, '\uFFFD') { // a part of a character
		raw = e.TokenBytes(p.ID)
	}
	t := tokenLogprob{Token: p.Text, Logprob: p.Log, Bytes: make([]int, len(raw))}
	for i, b := range raw {
		t.Bytes[i] = int(b)
	}
	return t
}
