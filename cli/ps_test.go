package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"moed/daemon/api"
)

func TestLoadedTable(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &api.Status{
		Models: []api.Model{
			{Name: "qwen3-30b", Digest: "sha256:0123456789abcdef", Size: 18.5e9, Experts: 128, State: "ready", Resident: 5.1e9, Budget: 6e9, HitRatio: 0.931, FlashRate: 1.21e9, Context: 4096, ContextUsed: 1240, Rate: 12.34, InUse: 1, Running: 1, Expires: now.Add(5 * time.Minute)},
			{Name: "evil\x1b[2J", State: "loading", Loaded: 0.43, Size: 1e9, Experts: 8},
			{Name: "dense", Digest: "sha256:ffff", State: "ready", Size: 5e6, Context: 512},
		},
		Requests: []api.Request{{Model: "qwen3-30b", Phase: "prefill", Read: 31, Prompt: 100}},
	}
	var out bytes.Buffer
	if err := writeLoaded(&out, s, now); err != nil {
		t.Fatal(err)
	}
	want := `NAME       ID            SIZE      RESIDENT  BUDGET   HIT%  FLASH      CTX        TOK/S  STATE        UNTIL
qwen3-30b  0123456789ab  18.50 GB  5.10 GB   6.00 GB  93.1  1.21 GB/s  1240/4096  12.3   prefill 31%  5 min
evil?[2J                 1.00 GB   0 B       -        -     -          -          -      loading 43%  -
dense      ffff          5.0 MB    0 B       -        -     -          0/512      -      idle         never
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestStates(t *testing.T) {
	for want, test := range map[string]struct {
		m        api.Model
		requests string // phases
	}{
		"loading 5%":  {m: api.Model{State: "loading", Loaded: 0.05}},
		"draining":    {m: api.Model{State: "unloading", Running: 3}, requests: "decode"},
		"decoding":    {m: api.Model{State: "ready", Running: 2}, requests: "prefill decode"},
		"prefill 50%": {m: api.Model{State: "ready", Running: 1}, requests: "prefill"},
		"busy":        {m: api.Model{State: "ready", Running: 1}},
		"queued":      {m: api.Model{State: "ready", Queued: 1}, requests: "queued"},
		"ready":       {m: api.Model{State: "ready", InUse: 1}},
		"idle":        {m: api.Model{State: "ready"}},
	} {
		var requests []api.Request
		for phase := range strings.FieldsSeq(test.requests) {
			requests = append(requests, api.Request{Phase: phase, Read: 5, Prompt: 10}, api.Request{Model: "another", Phase: "decode"})
		}
		if got := stateText(&test.m, requests); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	for text, want := range map[string]time.Duration{"10m": 10 * time.Minute, "90": 90 * time.Second, "0": 0, "forever": -1, "-5": -5 * time.Second, "1.5": 1500 * time.Millisecond} {
		if got, err := keepAlive(text); err != nil || *got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"soon", "1e300", "NaN", "5 m"} {
		if got, err := keepAlive(text); err == nil {
			t.Errorf("%q: %v", text, *got)
		}
	}
	if got, err := keepAlive(""); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
}

// TestElsewhere: where experts come from other hosts or disks, ps says which.
func TestElsewhere(t *testing.T) {
	s := &api.Status{Models: []api.Model{
		{Name: "alone"},
		{Name: "led", Hosts: []api.Host{{Name: "box1", State: "ready"}, {Name: "box2", State: "resting", Why: "no answer within 1s"}},
			Disks: []api.Disk{{}, {Name: "ssd", Down: true}}}}}
	var out strings.Builder
	if err := writeLoaded(&out, s, time.Now()); err != nil {
		t.Fatal(err)
	}
	const want = "led: host box1 ready, host box2 resting: no answer within 1s, disk of the model reads, disk ssd is not used\n"
	if got := out.String(); !strings.HasSuffix(got, want) || strings.Contains(got, "alone:") {
		t.Errorf("got\n%s", got)
	}
}
