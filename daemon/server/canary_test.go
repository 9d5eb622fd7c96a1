package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"moed/daemon/api"
)

// TestCanary: nothing that was asked or answered is in the log, in metrics, or
// in what others see, at any level and at any time.
func TestCanary(t *testing.T) {
	const canary = "Xq7canary"
	r := newRig(t, nil)
	ctx, c := context.Background(), r.client(t)
	public := func() string {
		var all strings.Builder
		all.WriteString(r.log.String())
		for _, path := range []string{"/metrics", "/slots", "/props", "/moed/v1/status", "/moed/v1/models", "/moed/v1/experts?model=", "/api/ps", "/api/tags", "/v1/models", "/health"} {
			all.WriteString(r.ask(t, Unix, "GET", path, "").body)
		}
		return all.String()
	}

	// While it is worked on.
	looked, enough := false, errors.New("enough")
	_, err := c.Chat(ctx, &api.ChatRequest{Prompt: "Once upon a time " + canary, Raw: true, MaxTokens: 1000}, func(p api.ChatPiece) error {
		if p.Text == "" {
			return nil
		}
		looked = true
		if strings.Contains(public(), canary) {
			t.Error("the prompt is seen while it is worked on")
		}
		return enough
	})
	if err != enough || !looked {
		t.Fatalf("%v", err)
	}
	zero := 0.0
	story, err := c.Chat(ctx, &api.ChatRequest{Prompt: "Once upon a time", Raw: true, MaxTokens: 40, Sampling: api.Sampling{Temperature: &zero}}, nil)
	if err != nil || len(story.Text) < 40 {
		t.Fatalf("%+v, %v", story, err)
	}

	// In everything that can be asked, right and wrong.
	for _, g := range targets() {
		for field := range g.wrong {
			r.ask(t, Unix, g.method, g.path, with(t, g.body, field, `"`+canary+`"`))
		}
		r.ask(t, Unix, g.method, g.path, `{"`+canary+`":`)
		r.ask(t, Unix, g.method, g.path, strings.ReplaceAll(g.body, "Once", canary))
		r.ask(t, Unix, "GET", g.path+"?q="+canary, "", "User-Agent: "+canary, "X-Request-Id: "+canary)
		r.ask(t, Unix, "POST", g.path+"/"+canary, "")
		r.ask(t, TCP, g.method, g.path, g.body, bearer+canary)
		r.ask(t, TCP, g.method, g.path, g.body, "Origin: http://"+canary)
		r.ask(t, TCP, g.method, g.path, g.body, "Host: "+canary)
	}
	r.ask(t, Unix, strings.ToUpper(canary), "/v1/models", "")
	all := public()
	if strings.Contains(strings.ToLower(all), strings.ToLower(canary)) {
		for line := range strings.Lines(all) {
			if strings.Contains(strings.ToLower(line), strings.ToLower(canary)) {
				t.Errorf("seen: %.300s", line)
			}
		}
	}
	if strings.Contains(all, story.Text[:40]) {
		t.Error("an answer is seen")
	}
	for _, part := range []string{`route="POST /v1/chat/completions"`, "status=200", "model=" + story.Model, "uid=", "ms="} {
		if !strings.Contains(all, part) {
			t.Errorf("the log lacks %s", part)
		}
	}
}
