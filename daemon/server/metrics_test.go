package server

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"moed/daemon"
	"moed/daemon/api"
)

func TestMetrics(t *testing.T) {
	r := newRig(t, nil)
	if _, err := r.client(t).Chat(context.Background(), &api.ChatRequest{Prompt: "Once", Raw: true, MaxTokens: 3}, nil); err != nil {
		t.Fatal(err)
	}
	for r.served.all()[outcome{"POST /v1/completions", 200}] == 0 { // which the client does not wait for
		time.Sleep(time.Millisecond)
	}
	text := r.ask(t, Unix, "GET", "/metrics", "").body
	for _, want := range []string{
		`moed_tokens_generated_total{model="stories-moe-5m"} 3`, `moed_prompt_tokens_total{model="stories-moe-5m"} \d`,
		`moed_ttft_seconds_bucket{model="stories-moe-5m",le="\+Inf"} 1`, `moed_ttft_seconds_count{model="stories-moe-5m"} 1`,
		`moed_inter_token_seconds_count{model="stories-moe-5m"} 2`, `moed_flash_read_bytes_total{model="stories-moe-5m"} 0`,
		`moed_stall_seconds_total{cause="flash",model="stories-moe-5m"} 0`, `moed_expert_evictions_total{model="stories-moe-5m",reason="room"} 0`,
		`moed_memory_bytes{kind="pinned",model="stories-moe-5m"} [1-9]`, `moed_memory_bytes{kind="kv",model="stories-moe-5m"} \d`,
		`moed_memory_budget_bytes \d`, `moed_requests_in_flight 1`, `moed_queue_depth 0`,
		`moed_requests_total{code="200",route="POST /v1/completions"} 1`,
		`moed_model_state{model="stories-moe-5m",state="ready"} 1`, `moed_model_state{model="stories-moe-5m",state="loading"} 0`,
		`moed_build_info{goversion="go[^"]*",version="1.2.3"} 1`,
		`llamacpp:prompt_tokens_total \d`, `llamacpp:prompt_seconds_total \d`, `llamacpp:tokens_predicted_total 3`, `llamacpp:tokens_predicted_seconds_total \d`,
		`llamacpp:prompt_tokens_seconds \d`, `llamacpp:predicted_tokens_seconds \d`, `llamacpp:requests_processing 0`, `llamacpp:requests_deferred 0`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "expert=") {
		t.Error("there is a series for each expert")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestQuantile(t *testing.T) {
	var h daemon.Histogram
	if got := quantiles(&h); got != (api.Quantiles{}) {
		t.Errorf("of nothing: %+v", got)
	}
	for range 50 {
		h.Add(0.0015)
	}
	for range 50 {
		h.Add(0.03)
	}
	for _, c := range []struct{ q, want float64 }{{0.5, 0.002}, {0.25, 0.0015}, {0.99, 0.02 + 0.03*0.98}} {
		if got := quantile(&h, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("quantile %v: %v, want %v", c.q, got, c.want)
		}
	}
	h = daemon.Histogram{}
	h.Add(1e9)
	if got := quantile(&h, 0.5); got != 600 {
		t.Errorf("above all bounds: %v", got)
	}
}

func TestRates(t *testing.T) {
	var r rates
	e, now := new(daemon.Engine), time.Unix(0, 0)
	for _, c := range []struct {
		after time.Duration
		bytes int64
		want  float64
	}{
		{0, 1000, 0}, {500 * time.Millisecond, 2000, 0}, {500 * time.Millisecond, 3000, 2000}, {500 * time.Millisecond, 9000, 2000},
		{1500 * time.Millisecond, 9000, 3000}, {time.Minute, 9000, 0}, {time.Second, 9000, 0}, {time.Second, 9500, 500},
	} {
		now = now.Add(c.after)
		if got := r.of(e, c.bytes, now); got != c.want {
			t.Errorf("at %v: %v, want %v", now.Unix(), got, c.want)
		}
	}
	r.forget(now.Add(time.Hour))
	if len(r.at) != 0 {
		t.Error("what is gone is kept")
	}
}

func TestPressure(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want api.Pressure) {
		t.Helper()
		if got := pressure(root); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	check(api.Pressure{})
	write("proc/pressure/memory", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=1\n")
	check(api.Pressure{Known: true, Some: 1.5, Full: 0.25})
	write("proc/self/cgroup", "1:cpu:/x\n0::/system.slice/moed.service\n")
	check(api.Pressure{Known: true, Some: 1.5, Full: 0.25})
	write("sys/fs/cgroup/system.slice/moed.service/memory.pressure", "some avg10=7.00 avg60=0.00 avg300=0.00 total=1\n")
	check(api.Pressure{Known: true, Some: 7})
}
