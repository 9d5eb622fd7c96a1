package openai

import (
	"strconv"
	"time"

	"moed/daemon"
)

func itoa(n int) string     { return strconv.Itoa(n) }
func quote(s string) string { return strconv.Quote(s) }

// usage counts tokens.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
	OfPrompt   struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	OfCompletion struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

func usageOf(r *daemon.Result) *usage {
	u := &usage{Prompt: r.PromptTokens, Completion: len(r.IDs), Total: r.PromptTokens + len(r.IDs)}
	u.OfPrompt.Cached, u.OfCompletion.Reasoning = r.CachedTokens, r.ReasonTokens
	return u
}

// timings are llama-server's.
type timings struct {
	CacheN             int     `json:"cache_n"`
	PromptN            int     `json:"prompt_n"`
	PromptMS           float64 `json:"prompt_ms"`
	PromptPerSecond    float64 `json:"prompt_per_second"`
	PredictedN         int     `json:"predicted_n"`
	PredictedMS        float64 `json:"predicted_ms"`
	PredictedPerSecond float64 `json:"predicted_per_second"`
}

func timingsOf(r *daemon.Result) *timings {
	t := &r.Timings
	read := r.PromptTokens - r.CachedTokens
	return &timings{CacheN: r.CachedTokens, PromptN: read, PromptMS: ms(t.Prefill), PromptPerSecond: daemon.Rate(read, t.Prefill),
		PredictedN: len(r.IDs), PredictedMS: ms(t.Decode), PredictedPerSecond: daemon.Rate(t.Decoded, t.Decode)}
}

// experts is what the answer has cost in experts.
type experts struct {
	Hits      int64   `json:"expert_hits"`
	Misses    int64   `json:"expert_misses"`
	BytesRead int64   `json:"bytes_read"`
	StallMS   float64 `json:"stall_ms"`
	LoadMS    float64 `json:"load_ms"`
}

func expertsOf(r *daemon.Result, load time.Duration) *experts {
	e := &r.Experts
	return &experts{Hits: e.Hits, Misses: e.Misses, BytesRead: e.BytesRead, StallMS: ms(e.Stall), LoadMS: ms(load)}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// finish is a result's reason in OpenAI's words.
func finish(r *daemon.Result) string {
	switch r.Finish {
	case daemon.FinishLength, daemon.FinishInterrupted:
		return "length"
	}
	return r.Finish
}

// logProb is a token's in a chat.
type logProb struct {
	Token string    `json:"token"`
	Log   float64   `json:"logprob"`
	Bytes []int     `json:"bytes"`
	Top   []logProb `json:"top_logprobs,omitempty"`
}

// chosen is that of a chosen token: the list is there even if it is empty.
type chosen struct {
	Token string    `json:"token"`
	Log   float64   `json:"logprob"`
	Bytes []int     `json:"bytes"`
	Top   []logProb `json:"top_logprobs"`
}

type logProbs struct {
	Content []chosen  `json:"content"`
	Refusal *struct{} `json:"refusal"`
}

// chatProbs are log probabilities as chats have them: with top of the likeliest.
func (x *exchange) chatProbs(all []daemon.TokenLogProb, top int) *logProbs {
	if all == nil {
		return nil
	}
	l := &logProbs{Content: []chosen{}}
	for i := range all {
		p := x.prob(&all[i].LogProb)
		c := chosen{Token: p.Token, Log: p.Log, Bytes: p.Bytes, Top: []logProb{}}
		for j := range min(top, len(all[i].Top)) {
			c.Top = append(c.Top, x.prob(&all[i].Top[j]))
		}
		l.Content = append(l.Content, c)
	}
	return l
}

func (x *exchange) prob(p *daemon.LogProb) logProb {
	out := logProb{Token: p.Text, Log: max(p.Log, -9999), Bytes: []int{}}
	for _, b := range x.loan.Engine.TokenBytes(p.ID) {
		out.Bytes = append(out.Bytes, int(b))
	}
	return out
}

// textProbs are log probabilities as completions have them.
type textProbs struct {
	Tokens  []string             `json:"tokens"`
	Log     []float64            `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"`
}

func completionProbs(all []daemon.TokenLogProb, top, offset int) *textProbs {
	if all == nil {
		return nil
	}
	t := &textProbs{Tokens: []string{}, Log: []float64{}, Top: []map[string]float64{}, Offsets: []int{}}
	for _, p := range all {
		likeliest := map[string]float64{}
		for j := range min(top, len(p.Top)) {
			likeliest[p.Top[j].Text] = max(p.Top[j].Log, -9999)
		}
		t.Tokens, t.Log, t.Top, t.Offsets = append(t.Tokens, p.Text), append(t.Log, max(p.Log, -9999)), append(t.Top, likeliest), append(t.Offsets, offset)
		offset += len(p.Text)
	}
	return t
}
