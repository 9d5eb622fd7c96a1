package ollama

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"moed/daemon"
)

const (
	maxStops      = 64
	maxStopLength = 4096 // bytes
)

// hardware are options that say how to compute; moed decides that itself. The
// rest of them are of samplers that it does not have, or of truncation.
var hardware = [...]string{
	"num_gpu", "main_gpu", "num_thread", "num_batch", "use_mmap", "use_mlock", "low_vram", "numa", "f16_kv",
	"vocab_only", "logits_all", "embedding_only", "num_keep", "typical_p", "tfs_z",
	"mirostat", "mirostat_tau", "mirostat_eta", "penalize_newline",
}

// setOptions takes Ollama's options into q, and notes those that are ignored.
func (q *question) setOptions(options map[string]json.RawMessage) error {
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if string(options[key]) == "null" {
			continue
		}
		if err := q.setOption(key, options[key]); err != nil {
			return &daemon.RequestError{Param: "options." + key, Err: err}
		}
	}
	if raw := string(options["repeat_last_n"]); raw == "0" { // sees no token, for Ollama
		s := &q.request.Sampling
		s.RepeatPenalty, s.FrequencyPenalty, s.PresencePenalty = 0, 0, 0
	}
	return nil
}

func (q *question) setOption(key string, raw json.RawMessage) (err error) {
	s := &q.request.Sampling
	switch key {
	case "temperature":
		s.Temperature, err = number(raw, 0, 1e6)
	case "top_k":
		s.TopK, err = whole(raw, -1, math.MaxInt32)
		s.TopK = max(s.TopK, 0)
	case "top_p":
		s.TopP, err = number(raw, 0, 1)
	case "min_p":
		s.MinP, err = number(raw, 0, 1)
	case "repeat_penalty":
		s.RepeatPenalty, err = number(raw, 0, 1e6)
	case "frequency_penalty":
		s.FrequencyPenalty, err = number(raw, -1e6, 1e6)
	case "presence_penalty":
		s.PresencePenalty, err = number(raw, -1e6, 1e6)
	case "repeat_last_n":
		s.RepeatLastN, err = whole(raw, -1, math.MaxInt32)
	case "seed":
		var seed int
		if seed, err = whole(raw, math.MinInt, math.MaxInt); seed != -1 { // which is any
			s.Seed = uint64(seed)
		}
	case "stop":
		q.request.Stop, err = stops(raw)
	case "num_predict":
		q.request.MaxTokens, err = whole(raw, -2, math.MaxInt32)
		q.request.MaxTokens = max(q.request.MaxTokens, 0) // below 0, as the model ends it
	case "num_ctx":
		q.context, err = whole(raw, 1, math.MaxInt32)
	default:
		q.ignore(key)
	}
	return err
}

// ignore notes an option for the Warning header. What is no name stays out of it.
func (q *question) ignore(key string) {
	if slices.Contains(hardware[:], key) {
		q.ignored = append(q.ignored, key)
		return
	}
	for _, c := range key {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return
		}
	}
	if key != "" && len(key) <= 32 && len(q.ignored) < len(hardware) {
		q.ignored = append(q.ignored, key)
	}
}

// number is a JSON number within low and high.
func number(raw json.RawMessage, low, high float64) (float64, error) {
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(v >= low && v <= high) {
		return 0, fmt.Errorf("want a number from %v to %v", low, high)
	}
	return v, nil
}

// whole is a whole JSON number within low and high; 3.0 is one.
func whole(raw json.RawMessage, low, high int) (int, error) {
	v, err := strconv.Atoi(string(raw))
	if err != nil {
		f, ferr := strconv.ParseFloat(string(raw), 64)
		if ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			v, err = int(f), nil
		}
	}
	if err != nil || v < low || v > high {
		return 0, fmt.Errorf("want a whole number from %d to %d", low, high)
	}
	return v, nil
}

// stops is a string, or an array of them; empty ones end nothing.
func stops(raw json.RawMessage) ([]string, error) {
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		var one string
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, errors.New("want a string or an array of strings")
		}
		list = []string{one}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	if len(list) > maxStops {
		return nil, fmt.Errorf("%d strings, want at most %d", len(list), maxStops)
	}
	for _, s := range list {
		if len(s) > maxStopLength {
			return nil, fmt.Errorf("a string has %d bytes, want at most %d", len(s), maxStopLength)
		}
	}
	return list, nil
}

// keepAlive reads how long a model is to stay: a duration such as "5m", or
// seconds; below 0 is for ever, and nil is as the shelf has it.
func keepAlive(raw json.RawMessage) (*time.Duration, error) {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return nil, nil
	}
	wrong := &daemon.RequestError{Param: "keep_alive", Err: errors.New(`want a duration such as "5m", or seconds; below 0 is for ever`)}
	if text[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, wrong
		}
		if d, err := time.ParseDuration(s); err == nil {
			return lasting(d.Seconds()), nil
		}
		text = s
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(seconds) {
		return nil, wrong
	}
	return lasting(seconds), nil
}

// lasting is a time of so many seconds; what is too long for one is for ever.
func lasting(seconds float64) *time.Duration {
	d := time.Duration(-1)
	if seconds >= 0 && seconds < math.MaxInt64/float64(time.Second) {
		d = time.Duration(seconds * float64(time.Second))
	}
	return &d
}
