package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"
)

// Status of the daemon.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	if err := c.call(ctx, "GET", "/moed/v1/status", nil, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Models there are, loaded or not, by name.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	var m Models
	err := c.call(ctx, "GET", "/moed/v1/models", nil, &m)
	return m.Models, err
}

// Budget of the daemon.
func (c *Client) Budget(ctx context.Context) (Budget, error) {
	var b Budget
	err := c.call(ctx, "GET", "/moed/v1/budget", nil, &b)
	return b, err
}

// SetBudget changes it, as SetBudget.Memory says. For administrators.
func (c *Client) SetBudget(ctx context.Context, memory string) (Budget, error) {
	var b Budget
	err := c.call(ctx, "PUT", "/moed/v1/budget", SetBudget{Memory: memory}, &b)
	return b, err
}

// Experts of a loaded model.
func (c *Client) Experts(ctx context.Context, model string) (*Experts, error) {
	e := &Experts{}
	if err := c.call(ctx, "GET", "/moed/v1/experts?model="+url.QueryEscape(model), nil, e); err != nil {
		return nil, err
	}
	return e.Apply(e) // which checks it
}

// Unload has a model go as soon as nobody uses it. For administrators.
func (c *Client) Unload(ctx context.Context, model string) error {
	return c.call(ctx, "POST", "/moed/v1/unload", LoadRequest{Model: model}, nil)
}

// Cancel ends a request: one's own, or for administrators any. The error has
// status 404 where there is no such one.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, "POST", "/moed/v1/cancel", CancelRequest{ID: id}, nil)
}

// Load loads a model and waits until it is. "" is the default one. keepAlive is
// how long it stays unused: nil is the daemon's own, below 0 for ever. progress,
// if not nil, is called about once a second. For administrators.
func (c *Client) Load(ctx context.Context, model string, keepAlive *time.Duration, progress func(LoadProgress)) (*Model, error) {
	q := LoadRequest{Model: model, KeepAlive: (*KeepAlive)(keepAlive), Stream: true}
	r, err := c.send(ctx, "POST", "/moed/v1/load", q, "text/event-stream")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	for events := newEvents(r.Body); ; {
		e, err := events.next()
		if err == io.EOF {
			return nil, fmt.Errorf("load %s: the daemon hung up before the model was there", model)
		}
		if err != nil {
			return nil, bare(ctx, err)
		}
		switch e.name {
		case "progress":
			var p LoadProgress
			if err := json.Unmarshal(e.data, &p); err != nil {
				return nil, fmt.Errorf("load %s: progress: %w", model, err)
			}
			if progress != nil {
				progress(p)
			}
		case "ready":
			m := &Model{}
			return m, json.Unmarshal(e.data, m)
		case "error":
			return nil, read(0, nil, e.data)
		}
	}
}

// Events calls f with what the daemon tells twice a second: its status, and the
// experts of the models that are loaded. It returns the error of f, of ctx, or
// that the daemon has hung up.
func (c *Client) Events(ctx context.Context, f func(Event) error) error {
	r, err := c.send(ctx, "GET", "/moed/v1/events", nil, "text/event-stream")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	known := map[string]*Experts{}
	for events := newEvents(r.Body); ; {
		e, err := events.next()
		if err != nil {
			return bare(ctx, err)
		}
		var got Event
		switch e.name {
		case "status":
			got.Status = &Status{}
			err = json.Unmarshal(e.data, got.Status)
		case "experts":
			var change Experts
			if err = json.Unmarshal(e.data, &change); err == nil {
				got.Experts, err = known[change.Model].Apply(&change)
				known[change.Model] = got.Experts
			}
		default:
			continue
		}
		if err == nil {
			err = f(got)
		}
		if err != nil {
			return err
		}
	}
}
