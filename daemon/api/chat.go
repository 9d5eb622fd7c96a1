package api

import (
	"encoding/json"
	"time"
)

// ChatRequest asks for one text. Fields at their zero value are left to the
// daemon.
type ChatRequest struct {
	Model string // "" is the daemon's default

	// Messages is a JSON array as in OpenAI's API, in place of System and Prompt.
	Messages json.RawMessage
	System   string
	Prompt   string
	// Raw has Prompt go to the model as it is, without a chat template; with
	// Suffix the model fills in what is between. Messages, System, Tools and
	// Format cannot go with them.
	Raw    bool
	Suffix string

	Tools      json.RawMessage // a JSON array of tool descriptions
	ToolChoice string          // "auto", "none", "required", or the name of one function
	// Format makes the answer JSON: "json" in quotes is any object, an object is
	// the JSON schema that the answer follows.
	Format json.RawMessage
	Kwargs json.RawMessage // a JSON object: further variables of the chat template

	MaxTokens int
	Stop      []string
	Sampling  Sampling
	LogProbs  int // of each token, and of that many of the likeliest; 0 is none
}

// Sampling says how tokens are chosen; nil is the daemon's choice.
type Sampling struct {
	Temperature      *float64          `json:"temperature,omitempty"`
	TopK             *int              `json:"top_k,omitempty"`
	TopP             *float64          `json:"top_p,omitempty"`
	MinP             *float64          `json:"min_p,omitempty"`
	RepeatPenalty    *float64          `json:"repeat_penalty,omitempty"`
	RepeatLastN      *int              `json:"repeat_last_n,omitempty"`
	FrequencyPenalty *float64          `json:"frequency_penalty,omitempty"`
	PresencePenalty  *float64          `json:"presence_penalty,omitempty"`
	Seed             *uint64           `json:"seed,omitempty"`
	LogitBias        map[int32]float64 `json:"logit_bias,omitempty"`
}

// ChatPiece is a part of an answer, or of what happens before it. One of its
// fields is set, LogProbs beside any.
type ChatPiece struct {
	Text      string
	Reasoning string
	Call      *CallPiece
	Progress  *Progress
	LogProbs  []TokenLogProb
}

// CallPiece is a part of a tool call: ID and Name come with its first.
type CallPiece struct {
	Index     int
	ID, Name  string
	Arguments string
}

// Progress is what the daemon does before the first piece of an answer.
type Progress struct {
	// Text is a line for people: "loading 43% 12.1/28.0 GB 1.9 GB/s eta 8s". It is
	// empty where the counts are known.
	Text string
	// The prompt, in tokens: all, those found in a kept prefix, those read so far,
	// cached ones among them.
	Total, Cached, Read int
}

// LogProb is how likely a token was held to be.
type LogProb struct {
	Token string  `json:"token"`
	Log   float64 `json:"logprob"`
	Bytes []int   `json:"bytes"`
}

// TokenLogProb is that of a chosen token, with the likeliest in its place.
type TokenLogProb struct {
	LogProb
	Top []LogProb `json:"top_logprobs"`
}

// Call is a whole tool call; Arguments are JSON.
type Call struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// ChatResult is a finished answer.
type ChatResult struct {
	ID        string // which Cancel takes, while the answer is under way
	Model     string // the one that answered
	Text      string
	Reasoning string
	Calls     []Call
	Finish    string // stop, length, tool_calls
	LogProbs  []TokenLogProb
	Usage     Usage
	Timings   Timings
	Experts   ExpertUse
	Load      time.Duration // waited for the model to be loaded, where the daemon says
}

// Usage counts tokens.
type Usage struct {
	Prompt     int
	Completion int
	Cached     int // of Prompt, found in a kept prefix
	Reasoning  int // of Completion
}

// Timings of an answer, named as llama-server does.
type Timings struct {
	CacheN             int     `json:"cache_n"`
	PromptN            int     `json:"prompt_n"`
	PromptMS           float64 `json:"prompt_ms"`
	PromptPerSecond    float64 `json:"prompt_per_second"`
	PredictedN         int     `json:"predicted_n"`
	PredictedMS        float64 `json:"predicted_ms"`
	PredictedPerSecond float64 `json:"predicted_per_second"`
}

// ExpertUse is what an answer wanted of experts.
type ExpertUse struct {
	Hits      int64   `json:"expert_hits"`
	Misses    int64   `json:"expert_misses"`
	BytesRead int64   `json:"bytes_read"`
	StallMS   float64 `json:"stall_ms"`
	LoadMS    float64 `json:"load_ms"`
}
