package placement

import "testing"

// BenchmarkHidden solves instances of hidden groups for locality, one after
// another, and reports what share is local and what the bound allows.
func BenchmarkHidden(b *testing.B) {
	for _, c := range []struct {
		name                     string
		layers, experts, devices int
	}{{"24x64x4", 24, 64, 4}, {"48x128x8", 48, 128, 8}} {
		b.Run(c.name, func(b *testing.B) {
			tokens, _ := hidden(25_000, c.layers, c.experts, c.devices, 1, 0.5, 1)
			p, err := FromTrace(tokens, Uniform(c.layers, c.experts, 1), equal(c.devices, c.experts/c.devices, 1<<20))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				plan, err := Solve(p, Options{Goal: Hops})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(100*plan.Cost.Local, "%local")
				b.ReportMetric(100*plan.Bound.Value, "%bound")
				b.ReportMetric(100*plan.Gap, "%gap")
				b.Log(plan.Bound.Method)
			}
		})
	}
}
