package server

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"moed/daemon/api"
)

func TestClient(t *testing.T) {
	r := newRig(t, nil)
	ctx, c := context.Background(), r.client(t)
	if !c.Running(ctx) {
		t.Fatal("not running")
	}
	models, err := c.Models(ctx)
	if err != nil || len(models) != 1 || !models[0].Default || models[0].State != "" || models[0].Problem != "" || models[0].Size == 0 {
		t.Fatalf("models %+v, %v; want one that is not loaded", models, err)
	}
	name := models[0].Name
	if _, err := c.Experts(ctx, name); status(err) != 404 {
		t.Errorf("experts of what is not loaded: %v", err)
	}
	ever := -time.Second
	m, err := c.Load(ctx, "", &ever, nil)
	if err != nil || m.Name != name || m.State != "ready" || !m.Expires.IsZero() || m.Context == 0 || m.Resident == 0 {
		t.Fatalf("load: %+v, %v", m, err)
	}
	heat, err := c.Experts(ctx, name)
	if err != nil || heat.Model != name || len(heat.Heat) != heat.Layers*heat.Experts {
		t.Errorf("experts %+v, %v", heat, err)
	}

	var text strings.Builder
	one := 0.0
	got, err := c.Chat(ctx, &api.ChatRequest{Prompt: "Once upon a time", Raw: true, MaxTokens: 12, Sampling: api.Sampling{Temperature: &one}},
		func(p api.ChatPiece) error { text.WriteString(p.Text); return nil })
	if err != nil || got.Text == "" || got.Text != text.String() || got.Finish != "length" || got.Usage.Completion != 12 || got.Model != name {
		t.Errorf("raw: %+v, %v; pieces %q", got, err, text.String())
	}
	again, err := c.Chat(ctx, &api.ChatRequest{Prompt: "Once upon a time", Raw: true, MaxTokens: 12, Sampling: api.Sampling{Temperature: &one}}, nil)
	if err != nil || again.Text != got.Text {
		t.Errorf("again: %+v, %v; want %q", again, err, got.Text)
	}
	got, err = c.Chat(ctx, &api.ChatRequest{System: "A story.", Prompt: "Lily", MaxTokens: 5, LogProbs: 2}, nil)
	if err != nil || got.Usage.Completion != 5 || len(got.LogProbs) != 5 || len(got.LogProbs[0].Top) != 2 || got.Timings.PredictedN == 0 {
		t.Errorf("chat: %+v, %v", got, err)
	}

	s, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "1.2.3" || s.PID != os.Getpid() || !s.Admin || len(s.Models) != 1 || s.Totals.Tokens < 29 || s.Totals.PromptTokens == 0 || s.Totals.HitRatio != 1 || s.Memory.Dense == 0 {
		t.Errorf("status %+v", s)
	}
	if err := c.Unload(ctx, name); err != nil {
		t.Error(err)
	}
	for wait := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s, err := c.Status(ctx)
		if err == nil && len(s.Models) == 0 {
			break
		}
		if err != nil || time.Now().After(wait) {
			t.Fatalf("status %+v, %v; want the model gone", s, err)
		}
	}
	if _, err := c.Load(ctx, "nothing", nil, nil); status(err) != 404 {
		t.Errorf("load nothing: %v", err)
	}
	if _, err := c.Chat(ctx, &api.ChatRequest{Model: "nothing", Prompt: "x"}, nil); status(err) != 404 {
		t.Errorf("chat with nothing: %v", err)
	}
}

// status of an error of the daemon, or 0.
func status(err error) int {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func TestBudget(t *testing.T) {
	r := newRig(t, nil)
	ctx, c := context.Background(), r.client(t)
	b, err := c.SetBudget(ctx, "3G")
	if err != nil || b.Total != 3<<30 && b.Total != 3e9 {
		t.Errorf("%+v, %v; want 3 GB", b, err)
	}
	now, err := c.Budget(ctx)
	if err != nil || now.Total != b.Total {
		t.Errorf("%+v, %v; want %d", now, err, b.Total)
	}
	if _, err := c.SetBudget(ctx, "lots"); status(err) != 400 {
		t.Errorf("lots: %v", err)
	}
}

// TestLoadJSON: who does not ask for a stream gets the model alone.
func TestLoadJSON(t *testing.T) {
	r := newRig(t, nil)
	got := r.ask(t, Unix, "POST", "/moed/v1/load", `{}`)
	var m api.Model
	if err := json.Unmarshal([]byte(got.body), &m); err != nil || got.status != 200 || m.State != "ready" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestCancel: a request can be ended by who made it and by administrators; for
// others it does not exist.
func TestCancel(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	boss := r.client(t)
	if !boss.Running(ctx) {
		t.Fatal("not running")
	}
	if _, err := boss.Status(ctx); err != nil { // so that its connection is there, with its uid
		t.Fatal(err)
	}
	r.uid.Store(stranger)
	mine := r.client(t)
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() { // until it is cancelled
		n := 0
		_, err := mine.Chat(ctx, &api.ChatRequest{Prompt: "Once", Raw: true, MaxTokens: 100_000}, func(p api.ChatPiece) error {
			if n++; p.Text != "" && n > 1 {
				select {
				case <-begun:
				default:
					close(begun)
				}
			}
			return nil
		})
		done <- err
	}()
	select {
	case <-begun:
	case err := <-done:
		t.Fatalf("ended before it was cancelled: %v", err)
	}
	r.uid.Store(stranger + 1)
	other := r.client(t)
	s, err := other.Status(ctx)
	if err != nil || len(s.Requests) != 0 || s.Others != 1 {
		t.Errorf("others see %+v, %v; want a count", s, err)
	}
	s, err = boss.Status(ctx)
	if err != nil || len(s.Requests) != 1 || s.Requests[0].UID != stranger {
		t.Fatalf("administrators see %+v, %v", s, err)
	}
	id := s.Requests[0].ID
	theirs, nobodys := other.Cancel(ctx, id), other.Cancel(ctx, "no such request")
	if status(theirs) != 404 || status(nobodys) != 404 || theirs.Error() != nobodys.Error() {
		t.Errorf("cancel of somebody's: %v, of nobody's: %v; want the same 404", theirs, nobodys)
	}
	r.uid.Store(stranger)
	if err := r.client(t).Cancel(ctx, id); err != nil {
		t.Errorf("cancel of one's own: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("a cancelled request ends as if it were whole")
	}
}

func TestEvents(t *testing.T) {
	r := newRig(t, nil)
	ctx, c := context.Background(), r.client(t)
	if _, err := c.Load(ctx, "", nil, nil); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	var seen []string
	err := c.Events(ctx, func(e api.Event) error {
		switch {
		case e.Status != nil:
			seen = append(seen, "status")
		case e.Experts != nil:
			seen = append(seen, "experts")
			if len(e.Experts.Heat) != e.Experts.Layers*e.Experts.Experts {
				t.Errorf("experts %+v are not whole", e.Experts)
			}
		}
		if len(seen) == 1 {
			if _, err := r.client(t).Chat(ctx, &api.ChatRequest{Prompt: "Once", Raw: true, MaxTokens: 3}, nil); err != nil {
				t.Error(err)
			}
		}
		if len(seen) == 4 {
			return enough
		}
		return nil
	})
	if err != enough || !slices.Contains(seen, "status") || !slices.Contains(seen, "experts") {
		t.Errorf("%v, %v", seen, err)
	}
}

// TestShutdown: streams of events do not hold it up.
func TestShutdown(t *testing.T) {
	r := newRig(t, nil)
	ctx, c := context.Background(), r.client(t)
	got := make(chan struct{}, 1000)
	ended := make(chan error, 1)
	go func() { ended <- c.Events(ctx, func(api.Event) error { got <- struct{}{}; return nil }) }()
	<-got
	r.endStreams()
	if err := <-ended; err == nil {
		t.Error("the stream has no end")
	}
	if got := r.ask(t, Unix, "GET", "/moed/v1/ready", ""); got.status != 503 {
		t.Errorf("ready: %d %s", got.status, got.body)
	}
	if got := r.ask(t, Unix, "GET", "/moed/v1/live", ""); got.status != 200 {
		t.Errorf("live: %d %s", got.status, got.body)
	}
}
