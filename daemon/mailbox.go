package daemon

import (
	"context"
	"sync"
)

// mailbox carries what the engine loop makes of one request to the goroutine
// that asked for it, so that a slow reader holds up nobody but itself.
type mailbox struct {
	mu       sync.Mutex
	pieces   []Piece
	progress PromptProgress
	moved    bool // progress has changed
	done     bool
	err      error
	ready    chan struct{} // [1]
}

// fullAt is how many pieces may wait before the request rests.
const fullAt = 256

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) signal() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *mailbox) put(p Piece) {
	m.mu.Lock()
	m.pieces = append(m.pieces, p)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) tell(p PromptProgress) {
	m.mu.Lock()
	m.progress, m.moved = p, true
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) finish(err error) {
	m.mu.Lock()
	m.done, m.err = true, err
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pieces) >= fullAt
}

// next waits for news. Where ctx ends first its error is returned; what there is
// by then stays.
func (m *mailbox) next(ctx context.Context) (pieces []Piece, p PromptProgress, moved, done bool, err error) {
	select {
	case <-ctx.Done():
		return nil, p, false, false, ctx.Err()
	case <-m.ready:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	pieces, m.pieces = m.pieces, nil
	p, moved, m.moved = m.progress, m.moved, false
	return pieces, p, moved, m.done, m.err
}
