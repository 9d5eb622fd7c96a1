package server

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"moed/daemon"
	"moed/offload"
	"moed/offload/hosts"
)

// TestMetricsElsewhere: hosts and disks have series of their own, and a model that
// reads one file has none for disks.
func TestMetricsElsewhere(t *testing.T) {
	collect := func(s *daemon.EngineStats) string {
		to := make(chan prometheus.Metric, 100)
		metrics{to}.elsewhere("m", s)
		close(to)
		text := ""
		for x := range to {
			text += x.Desc().String() + "\n"
		}
		return text
	}
	s := &daemon.EngineStats{Hosts: []hosts.HostStats{{Name: "box1", State: hosts.Ready, Asked: 9, Late: 2}}, Disks: []offload.DiskStats{{}, {Name: "ssd"}}}
	got := collect(s)
	for name, n := range map[string]int{"moed_host_ready": 1, "moed_host_requests_total": 3, "moed_host_tokens_moved_total": 1, "moed_host_bytes_total": 2, "moed_disk_up": 2, "moed_disk_read_bytes_total": 2} {
		if found := strings.Count(got, `"`+name+`"`); found != n {
			t.Errorf("%s: found %d series, want %d", name, found, n)
		}
	}
	if got := collect(&daemon.EngineStats{Disks: s.Disks[:1]}); got != "" {
		t.Errorf("one file has series\n%s", got)
	}
}
