package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"moed/cli/screen"
	"moed/daemon/api"
)

func press(m *topModel, keys ...string) tea.Cmd {
	var last tea.Cmd
	for _, key := range keys {
		k := tea.Key{Text: key}
		switch key {
		case "down":
			k = tea.Key{Code: tea.KeyDown}
		case "space":
			k = tea.Key{Code: tea.KeySpace, Text: " "}
		default:
			k.Code = rune(key[0])
		}
		_, last = m.Update(tea.KeyPressMsg(k))
	}
	return last
}

func testTop(t *testing.T) (*topModel, *[]string) {
	t.Helper()
	cancelled := &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 100)
		n, _ := r.Body.Read(body)
		*cancelled = append(*cancelled, r.URL.Path+" "+string(body[:n]))
		w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	m := &topModel{ctx: context.Background(), client: &api.Client{Address: server.URL}, state: &screen.State{Maps: map[string]*api.Experts{}}}
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(api.Event{Status: &api.Status{
		Models:   []api.Model{{Name: "a", State: "ready", Experts: 4}, {Name: "b", State: "ready", Experts: 4}},
		Requests: []api.Request{{ID: "one", Model: "a", Phase: "decode"}, {ID: "two", Model: "a", Phase: "decode"}},
	}})
	return m, cancelled
}

func TestTopKeys(t *testing.T) {
	m, cancelled := testTop(t)
	s := m.state
	if press(m, "m"); s.Model != "b" {
		t.Errorf("m shows %q", s.Model)
	}
	if press(m, "m"); s.Model != "a" {
		t.Errorf("m, m shows %q", s.Model)
	}
	if press(m, "s"); s.Sort != screen.SortUser {
		t.Errorf("s sorts by %q", s.Sort)
	}
	if press(m, "s", "s", "s", "s"); s.Sort != screen.SortAge {
		t.Errorf("five times s sorts by %q", s.Sort)
	}
	if press(m, "h"); !s.Hits {
		t.Error("h shows no hits")
	}
	if press(m, "?"); !strings.Contains(m.View().Content, "The map has a row for each layer") {
		t.Error("? shows no help")
	}
	press(m, "?")
	if press(m, "down", "down"); s.Chosen != "two" {
		t.Errorf("chosen is %q", s.Chosen)
	}
	// A cancellation wants a yes.
	if press(m, "x"); !strings.Contains(m.View().Content, "cancel request two? (y/n)") {
		t.Errorf("x asks nothing:\n%s", m.View().Content)
	}
	if do := press(m, "q"); do != nil || s.Ask != "" || len(*cancelled) != 0 {
		t.Error("anything but a y is no no")
	}
	do := press(m, "x", "y")
	if do == nil {
		t.Fatal("y does nothing")
	}
	m.Update(do())
	if len(*cancelled) != 1 || (*cancelled)[0] != `/moed/v1/cancel {"id":"two"}` || s.Note != "cancelled two" {
		t.Errorf("sent %q, says %q", *cancelled, s.Note)
	}
	if quit := press(m, "q"); quit == nil || quit() != tea.Quit() {
		t.Error("q does not leave")
	}
}

func TestTopPauses(t *testing.T) {
	m, _ := testTop(t)
	press(m, "space")
	m.Update(api.Event{Status: &api.Status{Version: "later"}})
	if m.state.Status.Version == "later" || !strings.Contains(m.View().Content, "paused") {
		t.Error("it goes on while paused")
	}
	press(m, "space")
	m.Update(lostMsg{errors.New("the daemon hung up\nmore")})
	if !strings.Contains(m.View().Content, "the daemon hung up; trying again") {
		t.Error("a lost daemon is not told")
	}
	m.Update(api.Event{Status: &api.Status{Version: "later"}})
	if m.state.Status.Version != "later" || m.state.Note != "" {
		t.Error("it does not go on")
	}
	press(m, "x", "y", "down", "m") // with nothing there
}

// What follow sends are the events, and that they have ended.
func TestFollow(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Write([]byte("event: status\ndata: {\"version\":\"9\"}\n\n"))
	}))
	defer server.Close()
	ctx, stop := context.WithCancel(context.Background())
	got := make(chan tea.Msg, 10)
	ended := make(chan struct{})
	go func() { // ends with ctx
		follow(ctx, &api.Client{Address: server.URL}, func(m tea.Msg) { got <- m })
		close(ended)
	}()
	if e, is := (<-got).(api.Event); !is || e.Status.Version != "9" {
		t.Errorf("first comes %+v", e)
	}
	var lost lostMsg
	if lost, _ = (<-got).(lostMsg); lost.err == nil {
		t.Error("its end is not told")
	}
	var refused *net.OpError
	if errors.As(lost.err, &refused) {
		t.Errorf("got %v", lost.err)
	}
	stop()
	<-ended
}
