package api

import "time"

// Status is what can be seen of a daemon at one moment. GET /moed/v1/status
// answers with it.
type Status struct {
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Began    time.Time `json:"began"`
	Budget   Budget    `json:"budget"`
	Memory   Memory    `json:"memory"`
	Models   []Model   `json:"models"` // those loaded or being loaded
	Requests []Request `json:"requests"`
	// Others is how many requests of other callers are under way; administrators
	// see them among Requests.
	Others   int      `json:"others"`
	Totals   Totals   `json:"totals"`
	Pressure Pressure `json:"pressure"`
	// Admin is whether the caller may load, unload, resize and cancel others.
	Admin   bool     `json:"admin"`
	Cluster *Cluster `json:"cluster,omitempty"` // nil where there is none, and for others than administrators
}

// Budget is all that the process may use, in bytes, and what it does.
type Budget struct {
	Total int64 `json:"total"`
	Used  int64 `json:"used"`
}

// SetBudget asks for another one: PUT /moed/v1/budget.
type SetBudget struct {
	// Memory is a size such as 8G or 7.5GiB, or a share such as 60%; "" is what
	// the machine leaves.
	Memory string `json:"memory"`
}

// Memory is where memory goes, in bytes.
type Memory struct {
	Dense   int64 `json:"dense"`
	Experts int64 `json:"experts"`
	KV      int64 `json:"kv"`
	Prefix  int64 `json:"prefix"`
	Scratch int64 `json:"scratch"`
	Heap    int64 `json:"heap"`
}

// Request is one under way, without its content.
type Request struct {
	ID        string    `json:"id"`
	Model     string    `json:"model"`
	UID       uint32    `json:"uid"`
	PID       int32     `json:"pid,omitempty"`
	Token     string    `json:"token,omitempty"`
	Phase     string    `json:"phase"` // queued, loading, prefill, decode
	Began     time.Time `json:"began"`
	Prompt    int       `json:"prompt_tokens"`
	Cached    int       `json:"cached_tokens"` // of Prompt, those of a kept prefix
	Read      int       `json:"read_tokens"`   // of Prompt, so far; Cached are among them
	Generated int       `json:"generated_tokens"`
	Rate      float64   `json:"tokens_per_second"`
}

// Totals are counts over the models that are loaded, since each was, and what
// they do now.
type Totals struct {
	Tokens       int64   `json:"tokens"` // generated
	PromptTokens int64   `json:"prompt_tokens"`
	CachedTokens int64   `json:"cached_tokens"` // of prompts, found in kept prefixes
	Requests     int64   `json:"requests"`
	HitRatio     float64 `json:"hit_ratio"` // of the experts wanted, 0 to 1
	FlashBytes   int64   `json:"flash_bytes"`
	FlashRate    float64 `json:"flash_bytes_per_second"`
	Rate         float64 `json:"tokens_per_second"`
	Stall        float64 `json:"stall_seconds"` // waited for experts
}

// Pressure is how short of memory the system is, as Linux says it: percent of
// the last ten seconds in which some, or all, waited for memory. Known is
// false where the system does not say.
type Pressure struct {
	Known bool    `json:"known"`
	Some  float64 `json:"some_avg10"`
	Full  float64 `json:"full_avg10"`
}
