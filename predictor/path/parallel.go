package path

import (
	"sync"
	"sync/atomic"
)

// parallel calls do with 0 to n-1 on so many goroutines and waits for them.
func parallel(threads, n int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(threads, n) {
		group.Go(func() { // ends with the last number
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}
