package server

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"moed/daemon"
	"moed/daemon/api"
)

// TestLookWhileUnloading: models come and go while others look at them.
func TestLookWhileUnloading(t *testing.T) {
	r := newRigOf(t, daemon.ShelfOptions{Dirs: []string{filepath.Join("..", "..", "testdata", "golden")},
		Engine: daemon.Config{Flash: daemon.FlashConfig{Profile: daemon.NoProfile, Backend: "buffered"}}}, nil)
	ctx, c := context.Background(), r.client(t)
	models, err := c.Models(ctx)
	if err != nil || len(models) < 3 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	quit := make(chan struct{})
	var all sync.WaitGroup
	paths := []string{"/moed/v1/status", "/metrics", "/moed/v1/models", "/moed/v1/experts?model=" + models[0].Name, "/slots", "/api/ps"}
	for worker := range 2 {
		all.Go(func() { // until the last model has gone
			for i := worker; ; i++ {
				select {
				case <-quit:
					return
				default:
				}
				path := paths[i%len(paths)]
				if got := r.ask(t, Unix, "GET", path, ""); got.status >= 500 {
					t.Errorf("%s: %d %s", path, got.status, got.body)
				}
			}
		})
	}
	zero := 0.0
	for i := range 9 {
		name := models[i%3].Name
		if _, err := c.Load(ctx, name, nil, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Chat(ctx, &api.ChatRequest{Model: name, Prompt: "a", Raw: true, MaxTokens: 3, Sampling: api.Sampling{Temperature: &zero}}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Unload(ctx, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	close(quit)
	all.Wait()
}
