//go:build linux

package service

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkReady is from the start of a process to its first READY.
func BenchmarkReady(b *testing.B) {
	for range b.N {
		b.StopTimer()
		p := prepare(b, Config{})
		p.listen()
		b.StartTimer()
		p.begin()
		p.await("READY=1")
		b.StopTimer()
		p.kill()
		b.StartTimer()
	}
}

// BenchmarkIdle is what a daemon without a model holds and burns while nobody
// asks: its memory, and processor time in per cent.
func BenchmarkIdle(b *testing.B) {
	p := prepare(b, Config{}).start()
	before := p.ticks(b)
	began := time.Now()
	for range b.N {
		time.Sleep(time.Second) // what is measured is the time itself
	}
	const perSecond = 100 // clock ticks, as Linux shows them
	b.ReportMetric(float64(p.ticks(b)-before)/perSecond/time.Since(began).Seconds()*100, "%cpu")
	b.ReportMetric(p.status(b, "VmRSS:")/1024, "MiB-resident")
	b.ReportMetric(p.status(b, "RssAnon:")/1024, "MiB-anonymous")
}

// status is a number of kilobytes from /proc.
func (p *process) status(b *testing.B, key string) float64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(content), key)
	kb, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb
}

// ticks is the processor time of the daemon so far.
func (p *process) ticks(b *testing.B) (n int64) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(content), ") ")
	for _, f := range strings.Fields(after)[11:13] { // user and system
		t, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		n += t
	}
	return n
}
