package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"moed/cli/screen"
	"moed/daemon/api"
)

// topModel is moed top on a terminal: what keys and events do to the state that
// is drawn.
type topModel struct {
	ctx    context.Context
	client *api.Client
	state  *screen.State
	look   screen.Look
	asked  string // the request that a y cancels; "" while nothing is asked
}

// lostMsg is that events come no more.
type lostMsg struct{ err error }

// cancelledMsg is what came of a cancellation.
type cancelledMsg struct {
	id  string
	err error
}

// Init begins nothing: events come by themselves.
func (m *topModel) Init() tea.Cmd { return nil }

// Update takes a key, an event or a new size.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	s := m.state
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.look = screen.Look{Width: msg.Width, Height: msg.Height, Colour: true}
	case api.Event:
		if !s.Paused {
			s.Note = ""
			s.Take(msg, time.Now())
		}
	case lostMsg:
		s.Note = firstLine(msg.err) + "; trying again"
	case cancelledMsg:
		if s.Note = "cancelled " + msg.id; msg.err != nil {
			s.Note = msg.err.Error()
		}
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	}
	return m, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// key does what key means now.
func (m *topModel) key(key string) tea.Cmd {
	s := m.state
	if m.asked != "" && key != "ctrl+c" {
		return m.answer(key)
	}
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "esc":
		s.Help = false
	case "?":
		s.Help = !s.Help
	case "space":
		s.Paused = !s.Paused
	case "h":
		s.Hits = !s.Hits
	case "s":
		s.Sort = after(screen.Sorts(), s.Sort)
	case "m":
		m.nextModel()
	case "up", "k":
		m.choose(-1)
	case "down", "j":
		m.choose(1)
	case "x":
		m.choose(0)
		if s.Chosen != "" {
			m.asked = s.Chosen
			s.Ask = fmt.Sprintf("cancel request %s?", s.Chosen)
		}
	}
	return nil
}

// answer takes the y, or anything else, to the question.
func (m *topModel) answer(key string) tea.Cmd {
	id := m.asked
	m.asked, m.state.Ask = "", ""
	if key != "y" && key != "Y" {
		return nil
	}
	return func() tea.Msg {
		ctx, stop := context.WithTimeout(m.ctx, 10*time.Second)
		defer stop()
		return cancelledMsg{id, m.client.Cancel(ctx, id)}
	}
}

// after is what comes after now in list, round its end.
func after(list []string, now string) string {
	return list[(max(0, slices.Index(list, now))+1)%len(list)]
}

func (m *topModel) nextModel() {
	if m.state.Status == nil || len(m.state.Status.Models) == 0 {
		return
	}
	var names []string
	for _, model := range m.state.Status.Models {
		names = append(names, model.Name)
	}
	m.state.Model = after(names, m.state.Shown().Name)
}

// choose moves the mark by so many requests; where there is none it goes to the
// first.
func (m *topModel) choose(by int) {
	requests := m.state.Requests()
	if len(requests) == 0 {
		m.state.Chosen = ""
		return
	}
	at := slices.IndexFunc(requests, func(r api.Request) bool { return r.ID == m.state.Chosen })
	if at < 0 {
		at, by = 0, 0
	}
	m.state.Chosen = requests[min(max(at+by, 0), len(requests)-1)].ID
}

// View is the picture.
func (m *topModel) View() tea.View {
	v := tea.NewView(strings.Join(screen.Draw(m.state, m.look), "\n"))
	v.AltScreen = true
	return v
}
