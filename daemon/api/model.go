package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// Model is one that can be asked for. What follows State is there for those
// that are loaded or being loaded.
type Model struct {
	Name         string    `json:"name"`
	Path         string    `json:"path,omitempty"` // for administrators; "" also for the built-in model
	Size         int64     `json:"size"`           // bytes
	Modified     time.Time `json:"modified,omitzero"`
	Digest       string    `json:"digest"`
	Architecture string    `json:"architecture,omitempty"`
	Quantization string    `json:"quantization,omitempty"`
	Parameters   int64     `json:"parameters,omitempty"`
	Layers       int       `json:"layers,omitempty"`
	Experts      int       `json:"experts"` // of a layer; 0 for a dense model
	TopK         int       `json:"top_k"`
	TrainContext int       `json:"train_context,omitempty"` // that the model was made for
	Capabilities []string  `json:"capabilities"`
	Default      bool      `json:"default"` // what a request gets that names none
	// Problem is why the model cannot be used, or empty.
	Problem string `json:"problem,omitempty"`

	State        string    `json:"state,omitempty"`  // loading, ready, unloading; "" is not loaded
	Loaded       float64   `json:"loaded,omitempty"` // of its dense weights, 0 to 1
	LoadRate     float64   `json:"load_bytes_per_second,omitempty"`
	Since        time.Time `json:"since,omitzero"`
	Expires      time.Time `json:"expires,omitzero"` // zero: never
	InUse        int       `json:"in_use,omitempty"`
	Resident     int64     `json:"resident_bytes,omitempty"`
	Budget       int64     `json:"budget_bytes,omitempty"`
	Memory       *Memory   `json:"memory,omitempty"`
	HitRatio     float64   `json:"hit_ratio,omitempty"`
	FlashBytes   int64     `json:"flash_bytes,omitempty"` // read since it was loaded
	FlashRate    float64   `json:"flash_bytes_per_second,omitempty"`
	Stall        float64   `json:"stall_seconds,omitempty"`
	Context      int       `json:"context,omitempty"` // tokens that a request may have
	ContextUsed  int       `json:"context_used,omitempty"`
	Rate         float64   `json:"tokens_per_second,omitempty"`
	Queued       int       `json:"queued,omitempty"`
	Running      int       `json:"running,omitempty"`
	FirstToken   Quantiles `json:"first_token_seconds,omitzero"`
	BetweenToken Quantiles `json:"between_tokens_seconds,omitzero"`
	// LayerHits is the part of each layer's experts that were at hand when they
	// were wanted, 0 to 1.
	LayerHits []float64 `json:"layer_hit_ratio,omitempty"`
	// Disks are the files that experts are read from, where there are several.
	Disks []Disk `json:"disks,omitempty"`
	// Hosts are others that compute experts, as PlanRevision says which.
	Hosts        []Host `json:"hosts,omitempty"`
	PlanRevision uint64 `json:"plan_revision,omitempty"`
	// Rounded are hosts that answer in f16, by the plan: the model's outputs are
	// the same each time, but not those of a single host.
	Rounded []string `json:"rounded,omitempty"`
}

// Quantiles are read off a histogram, so they are no finer than its buckets.
type Quantiles struct {
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Count int64   `json:"count"`
}

// Models is what GET /moed/v1/models answers with.
type Models struct {
	Models []Model `json:"models"`
}

// LoadRequest asks for a model to be loaded, or with POST /moed/v1/unload for
// the opposite.
type LoadRequest struct {
	Model string `json:"model"`
	// KeepAlive is how long the model stays when nobody uses it; nil is the
	// daemon's own, below 0 is for ever.
	KeepAlive *KeepAlive `json:"keep_alive,omitempty"`
	// Stream asks for progress: an SSE stream of "progress" events, each a
	// LoadProgress, and a last event "ready" with a Model or "error" with an
	// error.
	Stream bool `json:"stream,omitempty"`
}

// KeepAlive is a duration, in JSON a text such as "10m" or a number of seconds.
type KeepAlive time.Duration

// MarshalJSON writes the text.
func (k KeepAlive) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(k).String()) }

// UnmarshalJSON reads either form.
func (k *KeepAlive) UnmarshalJSON(text []byte) error {
	var seconds float64
	if json.Unmarshal(text, &seconds) == nil {
		if seconds > maxKeepAlive || seconds < -maxKeepAlive {
			return fmt.Errorf("keep_alive of %v s is too long; a negative one is for ever", seconds)
		}
		*k = KeepAlive(seconds * float64(time.Second))
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf(`found keep_alive %s, want a text such as "10m" or a number of seconds`, text)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf(`found keep_alive %q, want one such as "10m" or "90s"`, s)
	}
	*k = KeepAlive(d)
	return nil
}

const maxKeepAlive = 1e9 // seconds, 31 years

// LoadProgress is how far the loading of a model is.
type LoadProgress struct {
	Model   string `json:"model"`
	Waiting string `json:"waiting,omitempty"` // what for, before anything is read
	Done    int64  `json:"done"`              // bytes
	Total   int64  `json:"total"`
}

// CancelRequest names what is to end: POST /moed/v1/cancel.
type CancelRequest struct {
	ID string `json:"id"`
}
