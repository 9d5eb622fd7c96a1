package flashio_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moed/flashio"
)

// BenchmarkReads measures random reads of the file that FLASH_FILE names, by
// backend, size in KiB, reads at once and goroutines that compute beside them
// without a pause. testdata/bench/flash.csv has its figures.
func BenchmarkReads(b *testing.B) {
	path := os.Getenv("FLASH_FILE")
	if path == "" {
		b.Skip("FLASH_FILE names no file to read")
	}
	for _, size := range []int64{864 << 10, 2592 << 10} {
		for _, depth := range []int{1, 4, 8} {
			for _, compute := range []int{0, 2} {
				for _, backend := range flashio.Backends() {
					b.Run(fmt.Sprintf("%v/%dKiB/%dflying/%dcomputing", backend, size>>10, depth, compute), func(b *testing.B) {
						benchmark(b, path, size, compute, flashio.Options{Backend: backend, InFlight: depth, MaxRead: 4 << 20})
					})
				}
			}
		}
	}
}

// BenchmarkSplit reads 2592 KiB at once and lets the Reader split that.
func BenchmarkSplit(b *testing.B) {
	path := os.Getenv("FLASH_FILE")
	if path == "" {
		b.Skip("FLASH_FILE names no file to read")
	}
	for _, most := range []int64{256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("%dKiB", most>>10), func(b *testing.B) {
			benchmark(b, path, 2592<<10, 0, flashio.Options{Backend: flashio.Direct, InFlight: 4, MaxRead: most})
		})
	}
}

// benchmark keeps o.InFlight requests under way until b.N have ended.
func benchmark(b *testing.B, path string, size int64, compute int, o flashio.Options) {
	a, err := flashio.NewArena(size*int64(o.InFlight), flashio.ArenaOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	clear(a.Bytes(0, a.Size()))
	r, err := flashio.Open(path, o)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	// As the engine has it: a read that ends finds a processor of the Go
	// scheduler even while all cores compute.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + o.InFlight))
	stop := computing(compute)

	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	done := make(chan *flashio.Request, o.InFlight)
	submit := func(q *flashio.Request) {
		q.Parts[0].Offset = rng.Int64N((r.Info().Size-size)/flashio.Alignment) * flashio.Alignment
		r.Submit(q)
	}
	took := make([]time.Duration, 0, b.N)
	b.SetBytes(size)
	b.ResetTimer()
	used, begin := processorTime(), time.Now()
	for i := range min(b.N, o.InFlight) {
		submit(&flashio.Request{
			Parts: []flashio.Part{{Into: a.Buffer(int64(i)*size, size), Need: size}},
			Done: func(q *flashio.Request, err error) {
				if err != nil {
					b.Error(err)
				}
				done <- q
			},
		})
	}
	for begun := min(b.N, o.InFlight); len(took) < b.N; {
		q := <-done
		took = append(took, q.Queued+q.Reading)
		if begun < b.N {
			begun++
			submit(q)
		}
	}
	elapsed := time.Since(begin)
	b.StopTimer()
	gb := float64(b.N) * float64(size) / 1e9
	used = processorTime() - used
	b.ReportMetric(stop()/1e6/elapsed.Seconds(), "Mops/s")
	b.ReportMetric(used.Seconds()*1e3/gb, "cpu-ms/GB")
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
}

// computing starts n goroutines that compute and do not yield, until stop ends
// them; it returns the number of operations.
func computing(n int) (stop func() float64) {
	var end atomic.Bool
	var operations atomic.Int64
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			x, count := int64(1), int64(0)
			for ; !end.Load() || x == 0; count += 10000 { // x is looked at so that it is computed
				for range 10000 {
					x = x*6364136223846793005 + 1442695040888963407
				}
			}
			operations.Add(count)
		})
	}
	return func() float64 {
		end.Store(true)
		wait.Wait()
		return float64(operations.Load())
	}
}
