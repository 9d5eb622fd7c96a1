package budget_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"moed/offload/budget"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// root makes a file system of the files named in sets, later ones winning.
func root(sets ...map[string]string) fstest.MapFS {
	all := map[string]string{}
	for _, s := range sets {
		maps.Copy(all, s)
	}
	fsys := fstest.MapFS{}
	for name, data := range all {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return fsys
}

// laptop has 16 GiB, of which 10 are available; the process holds 100 MiB.
func laptop() map[string]string {
	return map[string]string{
		"proc/meminfo":         "MemTotal:       16777216 kB\nMemFree:         2097152 kB\nMemAvailable:   10485760 kB\n",
		"proc/self/status":     "Name:\tmoed\nVmSize:\t 2097152 kB\nVmData:\t 1048576 kB\nVmRSS:\t  122880 kB\nRssAnon:\t  102400 kB\nRssFile:\t   20480 kB\nRssShmem:\t       0 kB\n",
		"proc/self/limits":     "Limit                     Soft Limit           Hard Limit           Units\nMax data size             unlimited            unlimited            bytes\nMax address space         unlimited            unlimited            bytes\n",
		"proc/self/cgroup":     "0::/user.slice/user-1000.slice/session-2.scope\n",
		"proc/self/mountinfo":  "24 30 0:22 / /proc rw shared:5 - proc proc rw\n31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
		"proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",

		"sys/fs/cgroup/cgroup.controllers":                                    "memory\n",
		"sys/fs/cgroup/user.slice/memory.max":                                 "max\n",
		"sys/fs/cgroup/user.slice/memory.high":                                "max\n",
		"sys/fs/cgroup/user.slice/user-1000.slice/memory.max":                 "max\n",
		"sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/memory.max": "max\n",
	}
}

// v2 has the files of a group of version 2.
func v2(dir, max, high string, current, inactive, active int64) map[string]string {
	return map[string]string{
		dir + "/memory.max":     max + "\n",
		dir + "/memory.high":    high + "\n",
		dir + "/memory.current": fmt.Sprintln(current),
		dir + "/memory.stat":    fmt.Sprintf("anon 1\nfile 99\ninactive_anon 5\ninactive_file %d\nactive_file %d\n", inactive, active),
	}
}

// v1 has the files of a group of version 1.
func v1(dir string, limit, hierarchical, usage, inactive, active int64) map[string]string {
	return map[string]string{
		dir + "/memory.limit_in_bytes": fmt.Sprintln(limit),
		dir + "/memory.usage_in_bytes": fmt.Sprintln(usage),
		dir + "/memory.use_hierarchy":  "1\n",
		dir + "/memory.stat": fmt.Sprintf("cache 7\ninactive_file 1\nactive_file 1\nhierarchical_memory_limit %d\ntotal_inactive_file %d\ntotal_active_file %d\n",
			hierarchical, inactive, active),
	}
}

const (
	v1None  = 0x7FFFFFFFFFFFF000 // with pages of 4 KiB
	v1Mount = "40 31 0:32 %s /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	v2Mount = "31 24 0:27 %s /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	scope   = "sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"
)

func discoverCases() []struct {
	name      string
	root      fs.FS
	available int64
	binding   string
	byDefault int64
} {
	machine := "this machine: 17.18 GB, of which others use 6.34 GB"
	const machineRoom = 10*gib + 100*mib
	machineDefault := int64(machineRoom - machineRoom/10)
	return []struct {
		name      string
		root      fs.FS
		available int64
		binding   string
		byDefault int64
	}{
		{"a laptop", root(laptop()), machineRoom, machine, machineDefault},
		{
			"a limit above", // 6 GiB, of which we hold 0.1, others 1.4 and page cache 0.5
			root(laptop(), v2("sys/fs/cgroup/user.slice", "6442450944", "max", 2*gib, 300*mib, 212*mib)),
			6*gib - (2*gib - 512*mib - 100*mib), "control group /user.slice: 6.44 GB, of which others use 1.51 GB", 0,
		},
		{
			"the tightest of several",
			root(laptop(), v2("sys/fs/cgroup/user.slice", "6442450944", "max", 0, 0, 0),
				v2("sys/fs/cgroup/user.slice/user-1000.slice", "5368709120", "max", 3*gib, 0, 0),
				v2(scope, "4294967296", "max", 100*mib, 0, 0)),
			5*gib - 3*gib + 100*mib, "control group /user.slice/user-1000.slice: 5.37 GB, of which others use 3.12 GB", 0,
		},
		{
			"docker of version 2", // a namespace: the mount's top is the container
			root(laptop(), map[string]string{
				"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": fmt.Sprintf(v2Mount, "/"),
			}, v2("sys/fs/cgroup", "2147483648", "max", 150*mib, 50*mib, 0)),
			2 * gib, "control group /: 2.15 GB", 2*gib - 64424509,
		},
		{
			"docker of version 2 without a namespace",
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "0::/system.slice/docker-abc.scope\n",
				"proc/self/mountinfo": fmt.Sprintf(v2Mount, "/system.slice/docker-abc.scope"),
			}, v2("sys/fs/cgroup", "2147483648", "max", 0, 0, 0)),
			2 * gib, "control group /system.slice/docker-abc.scope: 2.15 GB", 0,
		},
		{
			"a path that does not exist under the mount",
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "0::/kubepods/pod1/abc\n",
				"proc/self/mountinfo": fmt.Sprintf(v2Mount, "/"),
			}, v2("sys/fs/cgroup/kubepods", "3221225472", "max", 0, 0, 0)),
			3 * gib, "control group /kubepods: 3.22 GB", 0,
		},
		{
			"a path outside the namespace", // not the group of that name inside
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "0::/../other\n",
				"proc/self/mountinfo": fmt.Sprintf(v2Mount, "/"),
			}, v2("sys/fs/cgroup", "3221225472", "max", 0, 0, 0), v2("sys/fs/cgroup/other", "1073741824", "max", 0, 0, 0)),
			3 * gib, "control group /: 3.22 GB", 0,
		},
		{
			"a mount from outside the namespace",
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "0::/\n",
				"proc/self/mountinfo": "30 24 0:27 /../.. /host/cgroup rw - cgroup2 cgroup rw\n" + fmt.Sprintf(v2Mount, "/"),
			}, v2("sys/fs/cgroup", "3221225472", "max", 0, 0, 0), v2("host/cgroup", "1073741824", "max", 0, 0, 0)),
			3 * gib, "control group /: 3.22 GB", 0,
		},
		{
			"the mount that shows the most",
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "0::/a b/c\n",
				"proc/self/mountinfo": `30 24 0:27 /a\040b /part rw - cgroup2 cgroup rw` + "\n" + fmt.Sprintf(v2Mount, "/"),
			}, v2("sys/fs/cgroup/a b", "3221225472", "max", 0, 0, 0), v2("part", "3221225472", "max", 0, 0, 0),
				map[string]string{"sys/fs/cgroup/memory.high": "2147483648"}),
			2 * gib, "control group /: 2.15 GB", 0,
		},
		{
			"a mount's top with a space",
			root(laptop(), map[string]string{
				"proc/self/cgroup": "0::/a b/c\n", "proc/self/mountinfo": `30 24 0:27 /a\040b /part rw - cgroup2 cgroup rw` + "\n",
			}, v2("part/c", "3221225472", "max", 0, 0, 0)),
			3 * gib, "control group /a b/c: 3.22 GB", 0,
		},
		{
			"a service with MemoryHigh",
			root(laptop(), map[string]string{"proc/self/cgroup": "0::/system.slice/moed.service\n"},
				v2("sys/fs/cgroup/system.slice/moed.service", "8589934592", "7516192768", 100*mib, 0, 0)),
			7 * gib, "control group /system.slice/moed.service: 7.52 GB", 0,
		},
		{
			"docker of version 1", // the host's path, of which only the end is mounted
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "12:pids:/docker/abc\n9:cpu,memory:/docker/abc\n1:name=systemd:/docker/abc\n",
				"proc/self/mountinfo": "41 31 0:33 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n" + fmt.Sprintf(v1Mount, "/docker/abc"),
			}, v1("sys/fs/cgroup/memory", 4*gib, 4*gib, 1*gib, 512*mib, 0)),
			4*gib - (512-100)*mib, "control group /docker/abc: 4.29 GB, of which others use 432.0 MB", 0,
		},
		{
			"a group of version 1 under one that is out of sight",
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "9:memory:/docker/abc\n",
				"proc/self/mountinfo": fmt.Sprintf(v1Mount, "/docker/abc"),
			}, v1("sys/fs/cgroup/memory", v1None, 1*gib, 100*mib, 0, 0)),
			1 * gib, "control group above /docker/abc: 1.07 GB", 1*gib - 64e6,
		},
		{
			"nested groups of version 1, hybrid",
			root(laptop(), map[string]string{
				"proc/self/cgroup":    "4:memory:/a/b\n0::/a\n",
				"proc/self/mountinfo": fmt.Sprintf(v1Mount, "/") + "42 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			}, v1("sys/fs/cgroup/memory", v1None, v1None, 9*gib, 0, 0), v1("sys/fs/cgroup/memory/a", 5*gib, 5*gib, 2*gib, 1*gib, 0),
				v1("sys/fs/cgroup/memory/a/b", 4.5*gib, 4.5*gib, 100*mib, 0, 0)),
			5*gib - 1*gib + 100*mib, "control group /a: 5.37 GB, of which others use 968.9 MB", 0,
		},
		{
			"a parent of version 1 that does not count its children",
			root(laptop(), map[string]string{
				"proc/self/cgroup": "4:memory:/a/b\n", "proc/self/mountinfo": fmt.Sprintf(v1Mount, "/"),
			}, v1("sys/fs/cgroup/memory/a", 1*gib, v1None, 0, 0, 0), v1("sys/fs/cgroup/memory/a/b", v1None, v1None, 0, 0, 0),
				map[string]string{"sys/fs/cgroup/memory/a/memory.use_hierarchy": "0\n"}),
			machineRoom, machine, machineDefault,
		},
		{
			"no limit as kernels of other page sizes and ages write it",
			root(laptop(), map[string]string{
				"proc/self/cgroup": "4:memory:/a\n", "proc/self/mountinfo": fmt.Sprintf(v1Mount, "/"),
				"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854710272\n",
				"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "18446744073709551615\n",
			}),
			machineRoom, machine, machineDefault,
		},
		{
			"a mount point with a space",
			root(laptop(), map[string]string{
				"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": `31 24 0:27 / /my\040groups rw - cgroup2 cgroup rw` + "\n",
			}, v2("my groups", "2147483648", "max", 0, 0, 0)),
			2 * gib, "control group /: 2.15 GB", 0,
		},
		{
			"a limit of address space", // 2 GiB are reserved, of which 0.1 held
			root(laptop(), map[string]string{"proc/self/limits": "Max address space         6442450944           unlimited            bytes\n"}),
			4*gib + 100*mib, "limit of address space (ulimit -v): 6.44 GB, of which 2.04 GB are reserved", 0,
		},
		{
			"a limit of data",
			root(laptop(), map[string]string{"proc/self/limits": "Max data size             6442450944           unlimited            bytes\n"}),
			5*gib + 100*mib, "limit of data (ulimit -d): 6.44 GB, of which 968.9 MB are reserved", 0,
		},
		{
			"a group that others fill",
			root(laptop(), v2("sys/fs/cgroup/user.slice", "1073741824", "max", 3*gib, 0, 0)),
			0, "control group /user.slice: 1.07 GB, of which others use 3.12 GB", 0,
		},
		{
			"a kernel that does not say what is available",
			root(map[string]string{"proc/meminfo": "MemTotal: 16777216 kB\nMemFree: 2097152 kB\n"}),
			2 * gib, "this machine: 17.18 GB, of which others use 15.03 GB", 2*gib - 512e6,
		},
		{
			"little memory",
			root(map[string]string{"proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 262144 kB\n"}),
			256 * mib, "this machine: 17.18 GB, of which others use 16.91 GB", 0,
		},
	}
}

func TestDiscover(t *testing.T) {
	for _, c := range discoverCases() {
		t.Run(c.name, func(t *testing.T) {
			l, err := budget.Discover(c.root)
			if err != nil {
				t.Fatal(err)
			}
			if l.Available != c.available || l.Binding != c.binding {
				t.Errorf("%d by %q\nwant %d by %q", l.Available, l.Binding, c.available, c.binding)
			}
			byDefault := budget.Default(l)
			if c.byDefault != 0 && byDefault != c.byDefault {
				t.Errorf("default budget %d, want %d", byDefault, c.byDefault)
			}
			for _, level := range l.Levels {
				if level.Limit > 64*gib {
					t.Errorf("%v is no limit", level)
				}
				if byDefault > max(level.Room()-64e6, 0) {
					t.Errorf("default budget %d leaves too little of %v", byDefault, level)
				}
			}
		})
	}
}

func TestDiscoverHeld(t *testing.T) {
	l, err := budget.Discover(root(laptop()))
	if err != nil {
		t.Fatal(err)
	}
	want := budget.Limits{
		Available: 10*gib + 100*mib, Binding: "this machine: 17.18 GB, of which others use 6.34 GB", Held: 100 * mib,
		Levels: []budget.Level{{Kind: budget.Machine, Name: "this machine", Limit: 16 * gib, Others: 6*gib - 100*mib}},
	}
	if d := cmp.Diff(want, l); d != "" {
		t.Error(d)
	}
}

func TestDiscoverNothing(t *testing.T) {
	_, err := budget.Discover(fstest.MapFS{})
	if !errors.Is(err, budget.ErrNoLimits) || !strings.Contains(err.Error(), "--memory") {
		t.Errorf("error %v, want one that asks for --memory", err)
	}
}

func TestDiscoverHere(t *testing.T) {
	l, err := budget.Discover(nil)
	if err != nil {
		t.Skip(err)
	}
	if l.Available <= 0 || l.Binding == "" || budget.Default(l) > l.Available {
		t.Errorf("%+v, default %d", l, budget.Default(l))
	}
	if r := budget.Resident(); runtime.GOOS == "linux" && (r.Resident == 0 || r.Anonymous == 0 || r.Anonymous > r.Resident || r.Peak < r.Resident/2) {
		t.Errorf("this process holds %+v", r)
	}
}

// Whatever the files say, there is an answer or an error.
func FuzzDiscover(f *testing.F) {
	l := laptop()
	f.Add(l["proc/self/cgroup"], l["proc/self/mountinfo"], l["proc/meminfo"], l["proc/self/limits"], "max", "inactive_file 5")
	f.Add("4:memory://a/../..\n0::/..\n::\n", `1 2 3 /a\777 \400 - cgroup x memory`+"\n- - -", "MemTotal: 9007199254740992 kB", "Max data size -1", "99999999999999999999", "hierarchical_memory_limit 0")
	f.Fuzz(func(t *testing.T, cgroup, mountinfo, meminfo, limits, number, stat string) {
		fsys := root(map[string]string{
			"proc/self/cgroup": cgroup, "proc/self/mountinfo": mountinfo, "proc/meminfo": meminfo, "proc/self/limits": limits,
			"sys/fs/cgroup/memory.max": number, "sys/fs/cgroup/memory.current": number, "sys/fs/cgroup/memory.stat": stat,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": number, "sys/fs/cgroup/memory/memory.stat": stat,
		})
		l, err := budget.Discover(fsys)
		if err != nil {
			return
		}
		if d := budget.Default(l); l.Available < 0 || d < 0 || d > l.Available {
			t.Errorf("available %d, default %d", l.Available, d)
		}
		for _, level := range l.Levels {
			if level.Others < 0 || level.Limit < 0 || level.Room() < l.Available {
				t.Errorf("level %+v beside available %d", level, l.Available)
			}
		}
	})
}
