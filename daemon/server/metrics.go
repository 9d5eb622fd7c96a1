package server

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"moed/daemon"
)

// newMetrics answers Prometheus. Everything is counted elsewhere and only read
// here, so that a daemon nobody scrapes does nothing for it.
func (s *Server) newMetrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{s})
	// No compression: the body goes through a socket of this machine.
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true})
}

// collector reads the metrics of a server. It describes none beforehand, since
// which there are goes by what is loaded.
type collector struct{ s *Server }

func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect is called by any number of goroutines.
func (c collector) Collect(to chan<- prometheus.Metric) {
	m := metrics{to}
	s := c.s
	m.gauge("moed_build_info", "The version that runs; its value is 1.", 1, "version", s.o.Version, "goversion", runtime.Version())
	total, used := s.shelf.Budget()
	m.gauge("moed_memory_budget_bytes", "What the process may use of memory.", float64(total))
	m.gauge("moed_memory_used_bytes", "What the process uses of its budget.", float64(used))
	if p := pressure("/"); p.Known {
		m.gauge("moed_psi_memory_some_avg10", "Percent of the last ten seconds in which some process waited for memory.", p.Some)
	}
	m.gauge("moed_requests_in_flight", "Requests over HTTP that are under way.", float64(s.underway.count()))
	for o, n := range s.served.all() {
		m.counter("moed_requests_total", "Requests over HTTP that have ended.", float64(n), "route", o.route, "code", strconv.Itoa(o.code))
	}
	all := s.loaded()
	queued := 0
	for i := range all {
		m.model(&all[i])
		queued += all[i].stats.Queued
	}
	m.gauge("moed_queue_depth", "Requests for text that wait for their turn.", float64(queued))
	for _, running := range s.shelf.Running() {
		for _, state := range []string{daemon.StateLoading, daemon.StateReady, daemon.StateUnload} {
			value := 0.0
			if running.State == state {
				value = 1
			}
			m.gauge("moed_model_state", "1 for the state that the model is in.", value, "model", running.Name, "state", state)
		}
	}
	m.llamaServer(all)
}

// metrics makes them out of values, each with the names and values of its labels
// in turn.
type metrics struct{ to chan<- prometheus.Metric }

func (m metrics) gauge(name, help string, value float64, labels ...string) {
	m.send(prometheus.GaugeValue, name, help, value, labels)
}

func (m metrics) counter(name, help string, value float64, labels ...string) {
	m.send(prometheus.CounterValue, name, help, value, labels)
}

func (m metrics) send(t prometheus.ValueType, name, help string, value float64, labels []string) {
	desc, values := describe(name, help, labels)
	m.to <- prometheus.MustNewConstMetric(desc, t, value, values...)
}

func (m metrics) histogram(name, help string, h *daemon.Histogram, labels ...string) {
	buckets, below := map[float64]uint64{}, uint64(0)
	for i, upper := range daemon.HistogramBounds() {
		below += uint64(h.Counts[i])
		buckets[upper] = below
	}
	desc, values := describe(name, help, labels)
	m.to <- prometheus.MustNewConstHistogram(desc, uint64(h.Count()), h.Sum, buckets, values...)
}

func describe(name, help string, labels []string) (*prometheus.Desc, []string) {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	return prometheus.NewDesc(name, help, names, nil), values
}
