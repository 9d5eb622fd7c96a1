package daemon

import "time"

// Why a text ended.
const (
	FinishStop        = "stop"        // the model ended it, or a stop string
	FinishLength      = "length"      // MaxTokens, or the context is full
	FinishInterrupted = "interrupted" // the caller's context
)

// Result is a finished text.
type Result struct {
	Text         string
	Reasoning    string  // what the model thought before, where it marks that
	IDs          []int32 // the tokens it was made of, an ending one not included
	Finish       string  // FinishStop, FinishLength or FinishInterrupted
	PromptTokens int
	LogProbs     []TokenLogProb // of IDs, where they were asked for
	Timings      Timings
}

// Timings of one generation, from the moment of the request.
type Timings struct {
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
