package daemon

import "time"

// Why a text ended.
const (
	FinishStop        = "stop"        // the model ended it, or a stop string
	FinishCalls       = "tool_calls"  // the model ended it, having called tools
	FinishLength      = "length"      // MaxTokens, or the context is full
	FinishInterrupted = "interrupted" // the caller's context
)

// Result is a finished text.
type Result struct {
	Text         string
	Reasoning    string  // what the model thought before, where it marks that
	IDs          []int32 // the tokens it was made of, an ending one not included
	Finish       string  // one of the above
	StopString   string  // the one of the request that ended it, or ""
	Calls        []Call
	PromptTokens int
	CachedTokens int            // of the prompt, found in a kept prefix
	ReasonTokens int            // of IDs, those of Reasoning
	LogProbs     []TokenLogProb // of IDs, where they were asked for
	Timings      Timings
	Experts      ExpertUse
}

// ExpertUse is what a generation wanted of experts, its share where it was
// stepped together with others.
type ExpertUse struct {
	Hits, Misses, BytesRead int64
	Stall                   time.Duration
}

// Timings of one generation, from the moment of the request.
type Timings struct {
	Queued     time.Duration // until it was first worked on
	Prefill    time.Duration // until the prompt was read
	FirstToken time.Duration // until the first token was chosen
	Decode     time.Duration // from the first token to the last
	Decoded    int           // tokens chosen in Decode, so the first is not counted
}

// Rate is n per second of d, or 0 where there is nothing to divide.
func Rate(n int, d time.Duration) float64 {
	if n <= 0 || d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
