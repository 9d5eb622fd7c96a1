package cli

import (
	"testing"
	"time"

	"moed/cli/fetch"
)

func TestByteMeter(t *testing.T) {
	var m byteMeter
	if got, want := m.line(), "waiting for an answer"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		m.updateAt(fetch.Progress{Verb: "fetching", Done: int64(i) * 50e6, Total: 1e9}, now.Add(time.Duration(i)*time.Second))
	}
	if got, want := m.line(), "fetching: 200.0 MB of 1.00 GB, 50.0 MB/s, 16s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := m.bar(), "[####....................] fetching: 200.0 MB of 1.00 GB, 50.0 MB/s, 16s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// A slower rate shows, but not at once.
	m.updateAt(fetch.Progress{Verb: "fetching", Done: 200e6, Total: 1e9}, now.Add(5*time.Second))
	if got, want := m.line(), "fetching: 200.0 MB of 1.00 GB, 35.0 MB/s, 23s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// Another work begins with no rate, and a length may not be known.
	m.updateAt(fetch.Progress{Verb: "summing", Done: 5e6, Total: -1}, now.Add(6*time.Second))
	if got, want := m.line(), "summing: 5.0 MB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
