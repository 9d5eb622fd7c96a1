package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"moed/cli/fetch"
)

const (
	meterPace   = 500 * time.Millisecond // between looks at the rate
	meterWeight = 0.3                    // of the newest look
)

// byteMeter turns the progress of bytes into a line. It is safe for concurrent
// use.
type byteMeter struct {
	mu     sync.Mutex
	last   fetch.Progress
	looked fetch.Progress // when the rate was taken
	when   time.Time
	rate   float64 // bytes per second, smoothed
}

func (m *byteMeter) update(p fetch.Progress) { m.updateAt(p, time.Now()) }

func (m *byteMeter) updateAt(p fetch.Progress, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = p
	if m.when.IsZero() || p.Verb != m.looked.Verb || p.Done < m.looked.Done {
		m.looked, m.when, m.rate = p, now, 0
		return
	}
	passed := now.Sub(m.when)
	if passed < meterPace {
		return
	}
	rate := float64(p.Done-m.looked.Done) / passed.Seconds()
	if m.rate > 0 {
		rate = meterWeight*rate + (1-meterWeight)*m.rate
	}
	m.looked, m.when, m.rate = p, now, rate
}

func (m *byteMeter) line() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.when.IsZero():
		return "waiting for an answer"
	case m.last.Total >= 0:
		return packText(m.last.Verb, m.last.Done, m.last.Total, m.rate)
	case m.rate >= 1:
		return fmt.Sprintf("%s: %s, %s/s", m.last.Verb, bytesText(m.last.Done), bytesText(int64(m.rate)))
	}
	return fmt.Sprintf("%s: %s", m.last.Verb, bytesText(m.last.Done))
}

const barWidth = 24 // cells

// bar is the line with a bar before it.
func (m *byteMeter) bar() string {
	line := m.line()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last.Total <= 0 {
		return line
	}
	full := int(barWidth * min(m.last.Done, m.last.Total) / m.last.Total)
	return fmt.Sprintf("[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), line)
}
