package cli

import (
	"encoding/json"
	"io"
	"time"

	"moed/daemon"
)

// runRecord is what run --json prints. The names up to output_tokens are those
// that llm's logs use.
type runRecord struct {
	Model        string `json:"model"`
	Prompt       string `json:"prompt"`
	System       string `json:"system,omitempty"`
	Response     string `json:"response"`
	Reasoning    string `json:"reasoning,omitempty"`
	DurationMS   int64  `json:"duration_ms"`
	DatetimeUTC  string `json:"datetime_utc"`
	InputTokens  int    `json:"input_tokens"`
	OutputTokens int    `json:"output_tokens"`

	FinishReason string      `json:"finish_reason"`
	Seed         uint64      `json:"seed"`
	Timings      timingsJSON `json:"timings"`

	LogProbs []daemon.TokenLogProb `json:"logprobs,omitempty"`
}

// timingsJSON are seconds, and tokens per second.
type timingsJSON struct {
	Load        float64 `json:"load_s"`
	FirstToken  float64 `json:"ttft_s"`
	PrefillRate float64 `json:"prefill_tok_s"`
	DecodeRate  float64 `json:"decode_tok_s"`
}

func record(e *daemon.Engine, r *daemon.Request, result daemon.Result, began time.Time) runRecord {
	return runRecord{
		Model: e.Name(), Prompt: r.Prompt, System: r.System, Response: result.Text, Reasoning: result.Reasoning,
		DurationMS: time.Since(began).Milliseconds(), DatetimeUTC: began.UTC().Format(time.RFC3339Nano),
		InputTokens: result.PromptTokens, OutputTokens: len(result.IDs),
		FinishReason: result.Finish, Seed: r.Sampling.Seed, Timings: timingsOf(e, result),
		LogProbs: result.LogProbs,
	}
}

func timingsOf(e *daemon.Engine, result daemon.Result) timingsJSON {
	t := result.Timings
	return timingsJSON{
		Load: e.LoadTime().Seconds(), FirstToken: t.FirstToken.Seconds(),
		PrefillRate: daemon.Rate(result.PromptTokens, t.Prefill), DecodeRate: daemon.Rate(t.Decoded, t.Decode),
	}
}

func sayUsage(u *ui, e *daemon.Engine, r *daemon.Request, result daemon.Result) {
	t := timingsOf(e, result)
	u.sayf("prompt %d tokens, %.1f per second; answer %d tokens, %.1f per second",
		result.PromptTokens, t.PrefillRate, len(result.IDs), t.DecodeRate)
	u.sayf("load %.3f s, first token %.3f s; seed %d; ended by %s", t.Load, t.FirstToken, r.Sampling.Seed, result.Finish)
}

// writeJSON prints v on lines of its own, with text as it is.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
