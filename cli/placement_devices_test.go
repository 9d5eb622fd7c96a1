package cli

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"moed/flashio"
)

func TestParseDevices(t *testing.T) {
	list, err := parseDevices([]byte(`
devices:
  - path: /mnt/a
    rate: 900MB/s
  - {name: ram, host: box2, site: attic, capacity: 8GiB, rate: 1Gbit/s, latency: 100us, per_layer: 4}
  - host: box3
    rate: 2G
links:
  - {a: local, b: box2, latency: 0.2ms, rate: 10Gbit/s}
remote: {latency: 2ms}
home: box2
moving: true
request: 4kB
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &deviceList{
		Devices: []listedDevice{
			{Name: "a", Host: "local", Path: "/mnt/a", Rate: 900e6},
			{Name: "ram", Host: "box2", Site: "attic", Capacity: 8 << 30, Rate: 125e6, Latency: listedWait(100 * time.Microsecond), PerLayer: 4},
			{Name: "box3", Host: "box3", Rate: 2e9},
		},
		Links:  []listedLink{{A: "local", B: "box2", Latency: listedWait(200 * time.Microsecond), Rate: 1.25e9}},
		Remote: listedLink{Latency: listedWait(2 * time.Millisecond)},
		Home:   "box2", Moving: true, Request: 4000,
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("found %+v\nwant  %+v", list, want)
	}
	p := list.problem(77)
	if len(p.Devices) != 3 || p.Devices[0].Capacity != 77 || p.Devices[1].Capacity != 8<<30 || p.Links[0].Rate != 1.25e9 || !p.Moving {
		t.Errorf("the problem is %+v", p)
	}
	if list.hosts() != 3 {
		t.Errorf("found %d hosts, want 3", list.hosts())
	}
}

func TestParseDevicesRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "no devices: want a list like"},
		{"devices: []", "no devices"},
		{"devices:\n  - name: a\n    speed: 3\n", "line 3: field speed is not known"},
		{"disks: []", "line 1: field disks is not known"},
		{"devices:\n  - name: a\n    rate: fast\n", `line 3: rate "fast": want bytes or bits per second`},
		{"devices:\n  - name: a\n    capacity: 50%\n", `line 3: size "50%": want bytes`},
		{"devices:\n  - name: a\n    capacity: [1]\n", `line 3: size ""`},
		{"devices:\n  - name: a\n    latency: -3ms\n", `line 3: time "-3ms"`},
		{"devices:\n  - name: a\n    latency: 3h\n", "want at most an hour"},
		{"devices:\n  - name: a\n  - name: a\n", `line 3: device "a": the name is that of device 1 too`},
		{"devices:\n  - path: /x/a\n  - path: /y/a\n", `line 3: device "a"`},
		{"devices:\n  - {name: a, per_layer: -1}\n", `line 2: device "a": per_layer -1`},
		{"devices: [{name: a}]\nlinks: [{a: local, b: mars}]", `link 1: no device is on host "mars"`},
		{"devices: [{name: a}]\nlinks: [{a: local, b: local}]", `link 1: from "local" to itself`},
		{"devices: [{name: a}]\nremote: {a: local}", "remote is between any hosts"},
		{"devices: [{name: a}]\nhome: mars", `home: no device is on host "mars"`},
		{"devices: [{name: a}]\ncopies: -1", "copies: -1 is negative"},
		{"devices: [{name: a}]\n---\ndevices: []", "more than one document"},
		{"devices: 7", "line 1: cannot unmarshal"},
		{"devices: [\n", "line "},
		{strings.Repeat(" ", maxDeviceList+1), "more than 1048576 bytes"},
	} {
		list, err := parseDevices([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "cli.") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v, %v; want an error with %q on one line", c.text, list, err, c.want)
		}
	}
}

// FuzzParseDevices: whatever is read is refused or can be written and read again.
func FuzzParseDevices(f *testing.F) {
	f.Add([]byte("devices:\n  - {name: a, path: /mnt/a, capacity: 8GB, rate: 900MB/s, latency: 100us}\n"))
	f.Add([]byte("x: &x {devices: [{}]}\n<<: *x\n"))
	f.Add([]byte("devices: &d [{name: a}]\nlinks: []\nremote: {latency: 1ms, rate: 1Gbit/s}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseDevices(text)
		if err != nil {
			return
		}
		out, err := yaml.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseDevices(out)
		if err != nil {
			t.Fatalf("%v; written:\n%s", err, out)
		}
		if len(again.Devices) != len(list.Devices) || again.Devices[0].Name != list.Devices[0].Name {
			t.Errorf("found %+v, want %+v", again, list)
		}
	})
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
	}{{"900MB/s", 900e6}, {"900M", 900e6}, {"1Gbit/s", 125e6}, {"10Gbps", 1.25e9}, {"1 GiB/s", 1 << 30}, {"8bit/s", 1}} {
		if got, err := parseRate(c.text); err != nil || got != c.want {
			t.Errorf("rate %q: found %v, %v; want %v", c.text, got, err, c.want)
		}
	}
	for _, c := range []struct {
		n    int64
		want string
	}{{0, "0B"}, {999, "999B"}, {1000, "1kB"}, {8e9, "8GB"}, {3_219_999_999, "3.21GB"}, {520e6, "520MB"}, {2e12, "2TB"}} {
		got := sizeOut(c.n)
		if got != c.want {
			t.Errorf("%d bytes are %q, want %q", c.n, got, c.want)
		}
		if n, err := parseBytes(got); c.n > 0 && (err != nil || n > c.n) {
			t.Errorf("%q reads as %d, %v; want at most %d", got, n, err, c.n)
		}
	}
}

// TestTake: of a measurement the way to read that was chosen counts, and the
// first bytes of it.
func TestTake(t *testing.T) {
	us := time.Microsecond
	m := &flashio.Device{Backend: flashio.Direct, MaxRead: 1 << 20, InFlight: 4, Points: []flashio.Point{
		{Backend: flashio.Direct, Size: 4096, InFlight: 8, Rate: 9e6, P50: 300 * us},
		{Backend: flashio.Direct, Size: 4096, InFlight: 1, Rate: 8e6, P50: 80*us + 300},
		{Backend: flashio.Direct, Size: 1 << 20, InFlight: 4, Rate: 3e9, P50: 900 * us},
		{Backend: flashio.Direct, Size: 4 << 20, InFlight: 4, Rate: 3.1e9, P50: 2000 * us},
		{Backend: flashio.Buffered, Size: 512, InFlight: 1, Rate: 9e9, P50: us},
	}}
	for _, c := range []struct {
		name    string
		change  func(m *flashio.Device)
		latency listedWait // given
		want    listedDevice
	}{
		{"as chosen", func(*flashio.Device) {}, 0, listedDevice{Rate: 3e9, Latency: listedWait(80 * us)}},
		{"a latency is given", func(*flashio.Device) {}, 7, listedDevice{Rate: 3e9, Latency: 7}},
		{"not measured as chosen", func(m *flashio.Device) { m.InFlight = 5 }, 0, listedDevice{Rate: 3.1e9, Latency: listedWait(80 * us)}},
		{"nothing measured", func(m *flashio.Device) { m.Points = nil }, 0, listedDevice{}},
	} {
		d, of := listedDevice{Latency: c.latency}, *m
		c.change(&of)
		if d.take(&of); d != c.want {
			t.Errorf("%s: found %+v, want %+v", c.name, d, c.want)
		}
	}
}
