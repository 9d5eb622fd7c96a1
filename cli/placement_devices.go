package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"moed/placement"
)

// deviceList is a file of devices.
type deviceList struct {
	Devices []listedDevice `yaml:"devices"`
	Links   []listedLink   `yaml:"links,omitempty"`
	Remote  listedLink     `yaml:"remote,omitempty"`  // between hosts that links leaves out
	Home    string         `yaml:"home,omitempty"`    // host where tokens start
	Moving  bool           `yaml:"moving,omitempty"`  // tokens stay where their experts are
	Request listedSize     `yaml:"request,omitempty"` // bytes that a token sends to a host
	Answer  listedSize     `yaml:"answer,omitempty"`  // bytes that an expert sends back
	Copies  int            `yaml:"copies,omitempty"`
}

type listedDevice struct {
	Name     string     `yaml:"name,omitempty"`
	Host     string     `yaml:"host,omitempty"`
	Site     string     `yaml:"site,omitempty"`
	Path     string     `yaml:"path,omitempty"`
	Capacity listedSize `yaml:"capacity,omitempty"` // 0: no limit
	Rate     listedRate `yaml:"rate,omitempty"`     // 0: as measured
	Latency  listedWait `yaml:"latency,omitempty"`
	PerLayer int        `yaml:"per_layer,omitempty"`
}

type listedLink struct {
	A       string     `yaml:"a,omitempty"`
	B       string     `yaml:"b,omitempty"`
	Latency listedWait `yaml:"latency,omitempty"`
	Rate    listedRate `yaml:"rate,omitempty"`
	Answers string     `yaml:"answers,omitempty"` // f16: in half the bytes
}

const (
	maxDeviceList = 1 << 20 // bytes of the file
	onlyHost      = "local" // of devices that name none
)

// usualLink is the network between hosts of which nothing is said: a switch of
// 1 Gbit/s.
func usualLink() listedLink {
	return listedLink{Latency: listedWait(200 * time.Microsecond), Rate: 1e9 / 8}
}

// readDevices reads a file of devices.
func readDevices(path string) (*deviceList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDeviceList+1))
	if err != nil {
		return nil, err
	}
	d, err := parseDevices(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// parseDevices reads the text of a file of devices and fills in what it leaves
// out, but for rates and capacities.
func parseDevices(text []byte) (*deviceList, error) {
	if len(text) > maxDeviceList {
		return nil, fmt.Errorf("more than %d bytes", maxDeviceList)
	}
	list := &deviceList{}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(list); err != nil && !errors.Is(err, io.EOF) {
		return nil, plainYAML(err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	if len(list.Devices) == 0 {
		return nil, errors.New("no devices: want a list like devices: [{name: disk1, path: /mnt/disk1, capacity: 8GB, rate: 900MB/s}]")
	}
	lines := deviceLines(text)
	for i := range list.Devices {
		if err := list.settle(i); err != nil {
			if i < len(lines) {
				err = fmt.Errorf("line %d: %w", lines[i], err)
			}
			return nil, err
		}
	}
	return list, list.checkLinks()
}

// settle fills in a device.
func (l *deviceList) settle(i int) error {
	d := &l.Devices[i]
	if d.Host == "" {
		d.Host = onlyHost
	}
	switch {
	case d.Name != "":
	case d.Path != "":
		d.Name = filepath.Base(d.Path)
	case d.Host != onlyHost:
		d.Name = d.Host
	default:
		d.Name = fmt.Sprintf("device%d", i+1)
	}
	if d.PerLayer < 0 {
		return fmt.Errorf("device %q: per_layer %d is negative", d.Name, d.PerLayer)
	}
	if j := slices.IndexFunc(l.Devices[:i], func(o listedDevice) bool { return o.Name == d.Name }); j >= 0 {
		return fmt.Errorf("device %q: the name is that of device %d too", d.Name, j+1)
	}
	return nil
}

func (l *deviceList) checkLinks() error {
	known := func(host string) bool {
		return slices.ContainsFunc(l.Devices, func(d listedDevice) bool { return d.Host == host })
	}
	for i, link := range l.Links {
		for _, host := range []string{link.A, link.B} {
			if !known(host) {
				return fmt.Errorf("link %d: no device is on host %q", i+1, host)
			}
		}
		if link.A == link.B {
			return fmt.Errorf("link %d: from %q to itself", i+1, link.A)
		}
	}
	switch {
	case l.Remote.A != "" || l.Remote.B != "":
		return errors.New("remote is between any hosts, and names none: links are for two")
	case l.Home != "" && !known(l.Home):
		return fmt.Errorf("home: no device is on host %q", l.Home)
	case l.Copies < 0:
		return fmt.Errorf("copies: %d is negative", l.Copies)
	}
	return nil
}

// hosts is how many there are.
func (l *deviceList) hosts() int {
	names := map[string]bool{}
	for _, d := range l.Devices {
		names[d.Host] = true
	}
	return len(names)
}

// problem is what of a problem the list says. Devices without a capacity have
// room for all bytes.
func (l *deviceList) problem(all int64) *placement.Problem {
	p := &placement.Problem{Home: l.Home, Moving: l.Moving, Request: int64(l.Request), Answer: int64(l.Answer), Copies: l.Copies, Remote: l.Remote.link()}
	for _, d := range l.Devices {
		room := int64(d.Capacity)
		if room == 0 {
			room = all
		}
		p.Devices = append(p.Devices, placement.Device{Name: d.Name, Host: d.Host, Site: d.Site, Path: d.Path,
			Capacity: room, PerLayer: d.PerLayer, Rate: float64(d.Rate), Latency: time.Duration(d.Latency)})
	}
	for _, k := range l.Links {
		p.Links = append(p.Links, k.link())
	}
	return p
}

func (k listedLink) link() placement.Link {
	return placement.Link{A: k.A, B: k.B, Latency: time.Duration(k.Latency), Rate: float64(k.Rate), Answers: k.Answers}
}

// deviceLines is the line of each device in a file that has been read; nil where
// they come by a merge.
func deviceLines(text []byte) []int {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != "devices" {
			continue
		}
		list := root.Content[i+1]
		if list.Kind == yaml.AliasNode {
			list = list.Alias
		}
		lines := make([]int, len(list.Content))
		for k, n := range list.Content {
			lines[k] = n.Line
		}
		return lines
	}
	return nil
}

// plainYAML is an error of the YAML library on one line, without its own types.
func plainYAML(err error) error {
	return errors.New(strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "", "\n  ", "; ", "not found in type cli.deviceList", "is not known",
		"not found in type cli.listedDevice", "is not known", "not found in type cli.listedLink", "is not known",
		" into []cli.listedDevice", ", want a list", " into cli.", ", want a ").Replace(err.Error()))
}
