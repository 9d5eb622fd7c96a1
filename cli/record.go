package cli

import (
	"encoding/json"
	"io"
	"time"

	"moed/cli/logbook"
	"moed/daemon"
)

// logRecord is one prompt and its answer in JSON, with llm's names.
type logRecord struct {
	ID                string               `json:"id"`
	Model             string               `json:"model"`
	ResolvedModel     *string              `json:"resolved_model"`
	Prompt            string               `json:"prompt"`
	System            *string              `json:"system"`
	PromptJSON        json.RawMessage      `json:"prompt_json"`
	OptionsJSON       json.RawMessage      `json:"options_json"`
	Response          string               `json:"response"`
	ResponseJSON      json.RawMessage      `json:"response_json"`
	Reasoning         string               `json:"reasoning,omitempty"`
	ConversationID    string               `json:"conversation_id"`
	DurationMS        int64                `json:"duration_ms"`
	DatetimeUTC       string               `json:"datetime_utc"`
	InputTokens       int                  `json:"input_tokens"`
	OutputTokens      int                  `json:"output_tokens"`
	TokenDetails      json.RawMessage      `json:"token_details"`
	ConversationName  string               `json:"conversation_name"`
	ConversationModel string               `json:"conversation_model"`
	SchemaID          *string              `json:"schema_id"`
	SchemaJSON        json.RawMessage      `json:"schema_json"`
	PromptFragments   []fragmentRecord     `json:"prompt_fragments"`
	SystemFragments   []fragmentRecord     `json:"system_fragments"`
	ToolCalls         []logbook.ToolCall   `json:"tool_calls"`
	ToolResults       []logbook.ToolResult `json:"tool_results"`
	Attachments       []struct{}           `json:"attachments"` // models read text alone
}

type fragmentRecord struct {
	Hash    string `json:"hash"`
	Source  string `json:"source,omitempty"`
	Content string `json:"content"`
}

// logRecordOf is r in JSON.
func logRecordOf(r *logbook.Response) logRecord {
	l := logRecord{
		ID: r.ID, Model: r.Model, ResolvedModel: orNil(r.Resolved), Prompt: r.Prompt, System: orNil(r.System), PromptJSON: r.Request, OptionsJSON: r.Options,
		Response: r.Text, ResponseJSON: r.Details, Reasoning: r.Reasoning, ConversationID: r.Conversation.ID, DurationMS: r.Duration.Milliseconds(),
		DatetimeUTC: logbook.FormatTime(r.Time), InputTokens: r.Input, OutputTokens: r.Output, TokenDetails: r.TokenDetails,
		ConversationName: r.Conversation.Name, ConversationModel: r.Conversation.Model, SchemaJSON: r.Schema,
		PromptFragments: fragmentRecords(r.Fragments), SystemFragments: fragmentRecords(r.SystemFragments),
		ToolCalls: append([]logbook.ToolCall{}, r.Calls...), ToolResults: append([]logbook.ToolResult{}, r.Results...), Attachments: []struct{}{},
	}
	if r.Schema != nil {
		l.SchemaID = orNil(logbook.SchemaID(r.Schema))
	}
	return l
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func fragmentRecords(fragments []logbook.Fragment) []fragmentRecord {
	all := []fragmentRecord{}
	for _, f := range fragments {
		all = append(all, fragmentRecord{f.Hash, f.Source, f.Content})
	}
	return all
}

// promptRecord is what prompt --json prints: what the history has, and what is
// known only now.
type promptRecord struct {
	logRecord
	answerDetails
	LogProbs []daemon.TokenLogProb `json:"logprobs,omitempty"`
}

// answerDetails are kept as response_json.
type answerDetails struct {
	FinishReason string      `json:"finish_reason"`
	Seed         uint64      `json:"seed"`
	Timings      timingsJSON `json:"timings"`
}

// timingsJSON are seconds, and tokens per second.
type timingsJSON struct {
	Load        float64 `json:"load_s"`
	FirstToken  float64 `json:"ttft_s"`
	PrefillRate float64 `json:"prefill_tok_s"`
	DecodeRate  float64 `json:"decode_tok_s"`
}

func recordOf(e answerer, response *logbook.Response, r *daemon.Request, result daemon.Result) promptRecord {
	return promptRecord{logRecordOf(response), answerDetailsOf(e, r, result), result.LogProbs}
}

func answerDetailsOf(e answerer, r *daemon.Request, result daemon.Result) answerDetails {
	return answerDetails{result.Finish, r.Sampling.Seed, timingsOf(e.LoadTime(), result)}
}

func detailsOf(e answerer, r *daemon.Request, result daemon.Result) json.RawMessage {
	return marshal(answerDetailsOf(e, r, result))
}

// tokenDetails counts tokens of a kind; nil where there are none.
func tokenDetails(result daemon.Result) json.RawMessage {
	if result.CachedTokens == 0 && result.ReasonTokens == 0 {
		return nil
	}
	return marshal(struct {
		Cached    int `json:"cached_tokens"`
		Reasoning int `json:"reasoning_tokens"`
	}{result.CachedTokens, result.ReasonTokens})
}

func timingsOf(load time.Duration, result daemon.Result) timingsJSON {
	t := result.Timings
	return timingsJSON{
		Load: load.Seconds(), FirstToken: t.FirstToken.Seconds(),
		PrefillRate: daemon.Rate(result.PromptTokens-result.CachedTokens, t.Prefill-t.Queued), DecodeRate: daemon.Rate(t.Decoded, t.Decode),
	}
}

func sayUsage(u *ui, e answerer, r *daemon.Request, result daemon.Result) {
	t := timingsOf(e.LoadTime(), result)
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

// writeList prints values as one JSON array, or with lines as one object a line.
func writeList[V any](w io.Writer, list []V, lines bool) error {
	if !lines {
		return writeJSON(w, append([]V{}, list...))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
