package budget

import (
	"os"
	"testing"
	"testing/fstest"
)

// The kernel's word comes before the averages show anything, but counts only
// where it is about memory that is short.
func TestPressureFired(t *testing.T) {
	for name, c := range map[string]struct {
		meminfo string
		want    Stress
	}{
		"scarce": {"MemTotal: 1000 kB\nMemAvailable: 30 kB\n", Some},
		"ample":  {"MemTotal: 1000 kB\nMemAvailable: 300 kB\n", Calm},
	} {
		p := &Pressure{
			root:  fstest.MapFS{"proc/meminfo": {Data: []byte(c.meminfo)}, machinePSI: {Data: []byte("some avg10=0.00\nfull avg10=0.00\n")}},
			share: 1,
		}
		p.notify = func(Stress, float64) {}
		p.signs, _ = findSigns(p.root)
		disarmed := false
		p.disarm = func() { disarmed = true }

		fired, quit, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() { // ends at the closing of quit
			defer close(ended)
			p.run(nil, fired, quit)
		}()
		fired <- struct{}{}
		close(quit)
		<-ended
		if p.stress != c.want || !disarmed {
			t.Errorf("%s: %v, want %v; disarmed %v", name, p.stress, c.want, disarmed)
		}
	}
}

// The system's answer agrees with /proc/meminfo, where there are both.
func TestAskSystem(t *testing.T) {
	asked, ok := askSystem(0)
	read, both := meminfo(os.DirFS("/"), 0)
	if !ok || !both {
		t.Skip("one of the two is missing")
	}
	if off := float64(asked.Limit) / float64(read.Limit); off < 0.99 || off > 1.01 {
		t.Errorf("%d bytes, /proc/meminfo has %d", asked.Limit, read.Limit)
	}
	if asked.Others < 0 || asked.Room() > asked.Limit {
		t.Errorf("%+v", asked)
	}
}
