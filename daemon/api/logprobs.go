package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// logProbs reads either form: that of chats, a list under content, or that of
// texts, lists side by side.
func logProbs(text json.RawMessage) ([]TokenLogProb, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var both struct {
		Content []TokenLogProb       `json:"content"`
		Tokens  []string             `json:"tokens"`
		Logs    []*float64           `json:"token_logprobs"`
		Top     []map[string]float64 `json:"top_logprobs"`
	}
	if err := json.Unmarshal(text, &both); err != nil {
		return nil, fmt.Errorf("a part of the daemon's answer: log probabilities: %w", err)
	}
	all := both.Content
	for i, token := range both.Tokens {
		t := TokenLogProb{LogProb: LogProb{Token: token}}
		if i < len(both.Logs) && both.Logs[i] != nil {
			t.Log = *both.Logs[i]
		}
		if i < len(both.Top) {
			for _, token := range slices.Sorted(maps.Keys(both.Top[i])) {
				t.Top = append(t.Top, LogProb{Token: token, Log: both.Top[i][token]})
			}
			slices.SortStableFunc(t.Top, func(a, b LogProb) int { return cmp.Compare(b.Log, a.Log) })
		}
		all = append(all, t)
	}
	return all, nil
}
