package daemon

import (
	"time"

	"moed/offload"
	"moed/offload/hosts"
)

// Phases of a request.
const (
	PhaseQueued  = "queued"
	PhaseLoading = "loading"
	PhasePrefill = "prefill"
	PhaseDecode  = "decode"
)

// RequestInfo is a request under way, without its content.
type RequestInfo struct {
	ID        string    `json:"id"`
	Model     string    `json:"model"`
	UID       uint32    `json:"uid"`
	PID       int32     `json:"pid,omitempty"`
	Token     string    `json:"token,omitempty"`
	Phase     string    `json:"phase"`
	Began     time.Time `json:"began"`
	Prompt    int       `json:"prompt_tokens"`
	Cached    int       `json:"cached_tokens"` // of Prompt, those of a kept prefix
	Read      int       `json:"read_tokens"`   // of Prompt, so far; Cached are among them
	Generated int       `json:"generated_tokens"`
	Rate      float64   `json:"tokens_per_second"` // of the answer
}

// MemoryUse is where a model's memory goes, in bytes.
type MemoryUse struct {
	Budget  int64 `json:"budget"`
	Dense   int64 `json:"dense"`
	Experts int64 `json:"experts"`
	KV      int64 `json:"kv"`     // of requests under way
	Prefix  int64 `json:"prefix"` // kept prefixes
	Scratch int64 `json:"scratch"`
	Heap    int64 `json:"heap"`
}

// LayerUse counts the demands of one layer, since the model was loaded.
type LayerUse struct {
	Wanted int64 `json:"wanted"`
	Hits   int64 `json:"hits"`
	Late   int64 `json:"late"` // their read was under way
}

// EngineStats is what an engine has done since it was opened, and does now.
// All counts only grow.
type EngineStats struct {
	PromptTokens    int64 // read, kept prefixes not included
	CachedTokens    int64 // of prompts, found in kept prefixes
	GeneratedTokens int64
	Requests        int64         // begun
	Steps           int64         // forward passes
	Stall           time.Duration // waited for experts
	Reads           int64         // experts read
	BytesRead       int64
	Evictions       int64
	Layers          []LayerUse
	Disks           []offload.DiskStats // the model's own file first
	Hosts           []hosts.HostStats   // others that compute experts, by name
	PlanRevision    uint64              // by which they are asked; 0 is none
	Rounded         []string            // those that answer in f16, so that outputs are not those of one host
	FirstToken      Histogram           // seconds from request to first token
	BetweenTokens   Histogram           // seconds
	Memory          MemoryUse
	Context         int     // tokens a request may have
	ContextUsed     int     // by the longest request under way
	Rate            float64 // tokens per second made now, by all requests
	Queued, Running int
	Prefixes        int
}

// HitRatio is the part of the experts wanted that were at hand, 0 to 1; 1 where
// none was wanted.
func (s *EngineStats) HitRatio() float64 {
	wanted, hits := int64(0), int64(0)
	for _, l := range s.Layers {
		wanted += l.Wanted
		hits += l.Hits
	}
	if wanted == 0 {
		return 1
	}
	return float64(hits) / float64(wanted)
}

// Heat is how much each expert of a model is used and where it is.
type Heat struct {
	Layers, Experts int
	// Heat is [Layers][Experts], row after row: the logarithm of recent use from
	// 0, not at all, to 255, the most used of the model.
	Heat []uint8
	// Resident is [Layers][Experts]: 1 where the expert is in memory, 0 where it
	// is on flash.
	Resident []uint8
}
