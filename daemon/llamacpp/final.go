package llamacpp

import (
	"strings"
	"time"
	"unicode/utf8"

	"moed/daemon"
)

// event is a part of an answer on its way.
type event struct {
	Index    int       `json:"index"`
	Content  string    `json:"content"`
	Tokens   []int32   `json:"tokens"`
	Stop     bool      `json:"stop"`
	Slot     int       `json:"id_slot"`
	Progress *progress `json:"prompt_progress,omitempty"`
	Probs    []prob    `json:"completion_probabilities,omitempty"`
}

// progress is how much of a prompt has been read, in tokens.
type progress struct {
	Total     int   `json:"total"`
	Cache     int   `json:"cache"`
	Processed int   `json:"processed"` // Cache among them
	TimeMS    int64 `json:"time_ms"`
}

// final is the last event of an answer, or all of it.
type final struct {
	event
	Model        string   `json:"model"`
	Predicted    int      `json:"tokens_predicted"`
	Evaluated    int      `json:"tokens_evaluated"` // of the prompt
	Cached       int      `json:"tokens_cached"`    // of them, found in a kept prefix
	Settings     settings `json:"generation_settings"`
	HasNewLine   bool     `json:"has_new_line"`
	Truncated    bool     `json:"truncated"` // never
	StopType     string   `json:"stop_type"` // eos, limit or word
	StoppingWord string   `json:"stopping_word"`
	Timings      timings  `json:"timings"`
}

// settings are what the answer was made with.
type settings struct {
	Seed             uint64   `json:"seed"`
	Temperature      float64  `json:"temperature"`
	TopK             int      `json:"top_k"`
	TopP             float64  `json:"top_p"`
	MinP             float64  `json:"min_p"`
	RepeatLastN      int      `json:"repeat_last_n"`
	RepeatPenalty    float64  `json:"repeat_penalty"`
	FrequencyPenalty float64  `json:"frequency_penalty"`
	PresencePenalty  float64  `json:"presence_penalty"`
	NPredict         int      `json:"n_predict"` // -1 is as the model ends it
	MaxTokens        int      `json:"max_tokens"`
	Stop             []string `json:"stop"`
	Stream           bool     `json:"stream"`
	NProbs           int      `json:"n_probs"`
}

type timings struct {
	CacheN             int     `json:"cache_n"`
	PromptN            int     `json:"prompt_n"`
	PromptMS           float64 `json:"prompt_ms"`
	PromptPerToken     float64 `json:"prompt_per_token_ms"`
	PromptPerSecond    float64 `json:"prompt_per_second"`
	PredictedN         int     `json:"predicted_n"`
	PredictedMS        float64 `json:"predicted_ms"`
	PredictedPerToken  float64 `json:"predicted_per_token_ms"`
	PredictedPerSecond float64 `json:"predicted_per_second"`
}

// prob is how likely a token was, and what else was.
type prob struct {
	ID      int32   `json:"id"`
	Token   string  `json:"token"`
	Bytes   []int   `json:"bytes"`
	Logprob float64 `json:"logprob"`
	Top     []prob  `json:"top_logprobs,omitempty"`
}

// settingsOf are those of a request.
func settingsOf(r *daemon.Request, stream bool) settings {
	s := &r.Sampling
	out := settings{Seed: s.Seed, Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP,
		RepeatLastN: s.RepeatLastN, RepeatPenalty: s.RepeatPenalty, FrequencyPenalty: s.FrequencyPenalty, PresencePenalty: s.PresencePenalty,
		NPredict: r.MaxTokens, MaxTokens: r.MaxTokens, Stop: r.Stop, Stream: stream, NProbs: r.LogProbs}
	if r.MaxTokens == 0 {
		out.NPredict, out.MaxTokens = -1, -1
	}
	if out.Stop == nil {
		out.Stop = []string{}
	}
	return out
}

// final is what there is to say of a finished answer, with all of its text.
func (c *completion) final(loan *daemon.Loan, res *daemon.Result) final {
	f := final{event: event{Content: res.Text, Tokens: []int32{}, Stop: true}, Model: loan.Info.Name,
		Predicted: len(res.IDs), Evaluated: res.PromptTokens, Cached: res.CachedTokens, Settings: settingsOf(&c.request, c.Stream),
		HasNewLine: strings.Contains(res.Text, "\n"), StopType: "eos", StoppingWord: res.StopString, Timings: timingsOf(res)}
	if c.ReturnTokens && res.IDs != nil {
		f.Tokens = res.IDs
	}
	if c.nothing {
		f.Settings.NPredict, f.Settings.MaxTokens = 0, 0
	}
	switch {
	case res.Finish == daemon.FinishLength:
		f.StopType = "limit"
	case res.StopString != "":
		f.StopType = "word"
	}
	f.Probs = probs(loan.Engine, res.LogProbs)
	return f
}

func timingsOf(res *daemon.Result) timings {
	t := &res.Timings
	read := res.PromptTokens - res.CachedTokens
	prefill, decode := max(t.Prefill-t.Queued, 0), max(t.FirstToken+t.Decode-t.Prefill, 0)
	out := timings{CacheN: res.CachedTokens, PromptN: read, PromptMS: ms(prefill), PromptPerSecond: daemon.Rate(read, prefill),
		PredictedN: len(res.IDs), PredictedMS: ms(decode), PredictedPerSecond: daemon.Rate(len(res.IDs), decode)}
	if read > 0 {
		out.PromptPerToken = out.PromptMS / float64(read)
	}
	if n := len(res.IDs); n > 0 {
		out.PredictedPerToken = out.PredictedMS / float64(n)
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func probs(e *daemon.Engine, tokens []daemon.TokenLogProb) []prob {
	var out []prob
	for _, t := range tokens {
		p := probOf(e, t.LogProb)
		for _, alternative := range t.Top {
			p.Top = append(p.Top, probOf(e, alternative))
		}
		out = append(out, p)
	}
	return out
}

func probOf(e *daemon.Engine, p daemon.LogProb) prob {
	raw := []byte(p.Text)
	if strings.ContainsRune(p.Text, utf8.RuneError) { // a part of a character
		raw = e.TokenBytes(p.ID)
	}
	return prob{ID: p.ID, Token: p.Text, Bytes: numbers(raw), Logprob: p.Log}
}
