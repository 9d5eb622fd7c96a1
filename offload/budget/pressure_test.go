package budget_test

import (
	"errors"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"moed/offload/budget"
)

// shifting is a file system whose files change.
type shifting struct {
	mu    sync.Mutex
	files fstest.MapFS
}

func (s *shifting) Open(name string) (fs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.Open(name)
}

func (s *shifting) set(files map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, data := range files {
		s.files[name] = &fstest.MapFile{Data: []byte(data)} // readers keep the former one
	}
}

const (
	psiCalm = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
	psiSome = "some avg10=12.50 avg60=9.00 avg300=0.00 total=9\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n"
	psiHigh = "some avg10=62.50 avg60=9.00 avg300=0.00 total=9\nfull avg10=33.00 avg60=0.00 avg300=0.00 total=1\n"
	scarce  = "MemTotal: 16777216 kB\nMemAvailable: 262144 kB\n"
)

func TestPressureFindsItsSource(t *testing.T) {
	own := map[string]string{scope + "/memory.pressure": psiCalm, scope + "/cgroup.events": "populated 1\n"}
	for _, c := range []struct {
		name, want string
		root       fstest.MapFS
	}{
		{"our group", "/" + scope + "/memory.pressure", root(laptop(), own)},
		{"the root of all groups", "/proc/pressure/memory", root(laptop(), map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.pressure": psiCalm,
		})},
		{"a kernel without stall information", "", root(map[string]string{"proc/meminfo": scarce})},
	} {
		p, err := budget.Watch(budget.PressureOptions{Root: c.root}, func(budget.Stress, float64) {})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := p.Source(); got != c.want || p.Triggered() {
			t.Errorf("%s: source %q, want %q", c.name, got, c.want)
		}
		p.Close()
		p.Close()
	}
	if _, err := budget.Watch(budget.PressureOptions{Root: fstest.MapFS{}}, nil); !errors.Is(err, budget.ErrNoSigns) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("nothing to watch: %v", err)
	}
}

// Each case begins calm, changes files, and waits for the Stress that they make.
func TestPressureNotifies(t *testing.T) {
	own := map[string]string{scope + "/memory.pressure": psiCalm, scope + "/cgroup.events": "populated 1\n"}
	group1 := map[string]string{"proc/self/cgroup": "4:memory:/a\n", "proc/self/mountinfo": "40 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"}
	const a = "sys/fs/cgroup/memory/a"
	for _, c := range []struct {
		name   string
		root   fstest.MapFS
		change map[string]string
		want   budget.Stress
		share  float64
	}{
		{"our group stalls", root(laptop(), own), map[string]string{scope + "/memory.pressure": psiSome}, budget.Some, 0.95},
		{"our group stalls wholly", root(laptop(), own), map[string]string{scope + "/memory.pressure": psiHigh}, budget.High, 0.8},
		{
			"the machine stalls for want of memory", root(laptop()),
			map[string]string{"proc/pressure/memory": psiHigh, "proc/meminfo": scarce}, budget.High, 0.8,
		},
		{"memory is scarce and stalls not told", root(map[string]string{"proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n"}),
			map[string]string{"proc/meminfo": scarce}, budget.Some, 0.95},
		{
			"a kill in our group", root(laptop(), own, map[string]string{scope + "/memory.events.local": "high 0\nmax 5\noom 0\noom_kill 0\n"}),
			map[string]string{scope + "/memory.events.local": "high 0\nmax 5\noom 1\noom_kill 1\n"}, budget.High, 0.8,
		},
		{
			"a kill in our group, on an older kernel", root(laptop(), own, map[string]string{scope + "/memory.events": "oom_kill 0\n"}),
			map[string]string{scope + "/memory.events": "oom_kill 1\n"}, budget.High, 0.8,
		},
		{
			"a full group of version 1", root(laptop(), group1, v1(a, gib, gib, gib, mib, 0), map[string]string{a + "/memory.failcnt": "7\n"}),
			map[string]string{a + "/memory.failcnt": "8\n"}, budget.Some, 0.95,
		},
		{
			"a kill in a group of version 1", root(laptop(), group1, map[string]string{a + "/memory.failcnt": "0\n", a + "/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"}),
			map[string]string{a + "/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"}, budget.High, 0.8,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			stress, share := firstNotice(t, c.root, c.change, nil)
			if stress != c.want || share != c.share {
				t.Errorf("%v, share %g, want %v, %g", stress, share, c.want, c.share)
			}
		})
	}
}

// What is not our affair is followed by what is, so that the test ends.
func TestPressureIgnores(t *testing.T) {
	own := map[string]string{scope + "/memory.pressure": psiCalm, scope + "/cgroup.events": "populated 1\n"}
	group1 := map[string]string{"proc/self/cgroup": "4:memory:/a\n", "proc/self/mountinfo": "40 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"}
	const a = "sys/fs/cgroup/memory/a"
	parent := "sys/fs/cgroup/user.slice/memory.events"
	kill := map[string]string{scope + "/memory.events.local": "oom_kill 1\n"}
	for _, c := range []struct {
		name         string
		root         fstest.MapFS
		change, then map[string]string
		want         budget.Stress
	}{
		{
			"stalls of a machine with ample memory", root(laptop(), map[string]string{scope + "/memory.events.local": "oom_kill 0\n"}),
			map[string]string{"proc/pressure/memory": psiSome}, kill, budget.High,
		},
		{"stalls of others", root(laptop(), own), map[string]string{"proc/pressure/memory": psiHigh, "proc/meminfo": scarce},
			map[string]string{scope + "/memory.pressure": psiSome}, budget.Some},
		{"a kill in a group beside ours", root(laptop(), own, map[string]string{parent: "oom_kill 0\n", scope + "/memory.events.local": "oom_kill 0\n"}),
			map[string]string{parent: "oom_kill 1\n"}, map[string]string{scope + "/memory.pressure": psiSome}, budget.Some},
		{"page cache at the limit", root(laptop(), group1, v1(a, gib, gib, gib, gib/2, 0), map[string]string{a + "/memory.failcnt": "7\n"}),
			map[string]string{a + "/memory.failcnt": "99\n"},
			map[string]string{"proc/pressure/memory": psiHigh, "proc/meminfo": scarce}, budget.High},
		{
			"our group at its limit, without a stall",
			root(laptop(), own, v2(scope, "1073741824", "max", gib, 0, 0), map[string]string{scope + "/memory.events.local": "max 1\n"}),
			map[string]string{scope + "/memory.events.local": "max 9\n"},
			map[string]string{scope + "/memory.pressure": psiHigh}, budget.High,
		},
		{
			"memory that is scarce, without a stall", root(laptop()), map[string]string{"proc/meminfo": scarce},
			map[string]string{"proc/pressure/memory": psiHigh}, budget.High,
		},
		{"nonsense", root(laptop(), own), map[string]string{scope + "/memory.pressure": "some avg10=NaN\nfull avg10=999\n\x00"},
			map[string]string{scope + "/memory.pressure": psiSome}, budget.Some},
	} {
		t.Run(c.name, func(t *testing.T) {
			if stress, _ := firstNotice(t, c.root, c.change, c.then); stress != c.want {
				t.Errorf("the first notice is %v, want %v", stress, c.want)
			}
		})
	}
}

// firstNotice watches root, changes it after a look, and again after two more,
// and returns what was said first.
func firstNotice(t *testing.T, files fstest.MapFS, change, then map[string]string) (budget.Stress, float64) {
	t.Helper()
	type notice struct {
		stress budget.Stress
		share  float64
	}
	notices := make(chan notice, 100)
	root := &looked{shifting: shifting{files: files}, looks: make(chan struct{})}
	p, err := budget.Watch(budget.PressureOptions{Root: root, Every: time.Microsecond}, func(s budget.Stress, share float64) {
		select {
		case notices <- notice{s, share}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	root.await(2)
	root.set(change)
	root.await(3)
	root.set(then)
	n := <-notices
	return n.stress, n.share
}

// looked counts the looks that were taken at it, by the opening of meminfo.
type looked struct {
	shifting
	counting sync.Mutex
	count    int
	looks    chan struct{}
}

func (l *looked) Open(name string) (fs.File, error) {
	if name == "proc/meminfo" {
		l.counting.Lock()
		l.count++
		close(l.looks)
		l.looks = make(chan struct{})
		l.counting.Unlock()
	}
	return l.shifting.Open(name)
}

// await waits until n more looks have begun.
func (l *looked) await(n int) {
	l.counting.Lock()
	defer l.counting.Unlock()
	for until := l.count + n; l.count < until; {
		next := l.looks
		l.counting.Unlock()
		<-next
		l.counting.Lock()
	}
}
