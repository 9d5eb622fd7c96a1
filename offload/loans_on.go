//go:build invariants

package offload

import (
	"fmt"
	"runtime/debug"
)

// loans records each lease that has not been released and where it was made.
type loans struct {
	next int
	open map[int]loan
}

type loan struct {
	slot  int32
	stack []byte
}

func (l *loans) lend(slot int32) int {
	if l.open == nil {
		l.open = map[int]loan{}
	}
	l.next++
	l.open[l.next] = loan{slot, debug.Stack()}
	return l.next
}

func (l *loans) redeem(handle int) int32 {
	loan, ok := l.open[handle]
	if !ok {
		panic(fmt.Sprintf("offload: lease %d was released before, or never given", handle))
	}
	delete(l.open, handle)
	return loan.slot
}

func (l *loans) check() {
	for _, loan := range l.open {
		panic(fmt.Sprintf("offload: a lease was not released before the store was closed; it was made at\n%s", loan.stack))
	}
}

// poison makes what is used after its release plain to see.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}
