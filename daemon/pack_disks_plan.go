package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"moed/placement"
)

// ErrNoDisks says that a plan has no disks of this machine.
var ErrNoDisks = errors.New("no device of the plan has a path on this machine")

// DiskPlans reads from a plan what goes to each disk of this machine, which is the
// host of that name; "" is the only one that has disks. The plan must be for the
// model at that path, where it says for which it is.
func DiskPlans(plan, model, host string) ([]DiskPlan, error) {
	f, err := os.Open(plan)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := placement.ReadFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plan, err)
	}
	identity, err := Identity(model)
	if err != nil {
		return nil, err
	}
	if file.Model.Header != "" && file.Model.Header != identity {
		return nil, fmt.Errorf("%s: is a plan for another model, %s", plan, file.Model.Name)
	}
	disks, err := disksOf(file, host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plan, err)
	}
	return disks, nil
}

// disksOf is what a plan has for the disks of a host. Those without experts are
// left out.
func disksOf(file *placement.File, host string) ([]DiskPlan, error) {
	var known []string
	for _, d := range file.Devices {
		if d.Path != "" && !slices.Contains(known, d.Host) {
			known = append(known, d.Host)
		}
	}
	switch {
	case len(known) == 0 || host != "" && !slices.Contains(known, host):
		return nil, ErrNoDisks
	case host == "" && len(known) > 1:
		return nil, fmt.Errorf("hosts %q have disks: say with --name which is this one", known)
	case host == "":
		host = known[0]
	}
	var disks []DiskPlan
	for at, d := range file.Devices {
		if d.Path == "" || d.Host != host {
			continue
		}
		p := DiskPlan{Name: d.Name, Dir: d.Path, Experts: make([][]int, len(file.Assignment))}
		some := false
		for l, experts := range file.Assignment {
			for e, devices := range experts {
				if slices.Contains(devices, at) {
					p.Experts[l], some = append(p.Experts[l], e), true
				}
			}
		}
		if some {
			disks = append(disks, p)
		}
	}
	return disks, nil
}
