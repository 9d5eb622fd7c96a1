package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moed/placement"
)

// readPlan reads a plan of these devices and this model.
func (w *placer) readPlan(path string) (*placement.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := placement.ReadFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := w.fits(file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &file.Plan, nil
}

// fits reports a plan for another model, or for other devices. Their rates and
// links may differ: that is what a plan is judged by.
func (w *placer) fits(file *placement.File) error {
	if file.Model.Header != "" && w.r.header != "" && file.Model.Header != w.r.header {
		return fmt.Errorf("is a plan for another model, %s", file.Model.Name)
	}
	name := func(d placement.Device) string { return fmt.Sprintf("%q on host %q", d.Name, d.Host) }
	if len(file.Devices) != len(w.made.Devices) {
		return fmt.Errorf("is a plan for %d devices, %s has %d", len(file.Devices), w.o.devices, len(w.made.Devices))
	}
	for i, d := range file.Devices {
		if d.Name != w.made.Devices[i].Name || d.Host != w.made.Devices[i].Host {
			return fmt.Errorf("is a plan for device %s, %s has %s", name(d), w.o.devices, name(w.made.Devices[i]))
		}
	}
	return file.Assignment.Check(w.made)
}

// write fills in the devices of the report and writes the files that are wanted.
func (w *placer) write(plan *placement.Plan) error {
	load := w.report.Plans[0].Judged.Devices
	for i, d := range w.made.Devices {
		w.report.Devices = append(w.report.Devices, placedDevice{Load: load[i], Host: d.Host, Path: d.Path, Capacity: d.Capacity})
	}
	if w.o.out != "" {
		file := placement.File{Model: placement.Model{Name: w.r.model, Size: w.r.size, Header: w.r.header}, Problem: *w.made, Plan: *plan}
		var text bytes.Buffer
		if err := file.Write(&text); err != nil {
			return err
		}
		if err := writeNew(w.o.out, text.Bytes()); err != nil {
			return err
		}
		w.report.Out = w.o.out
	}
	if w.o.svg != "" {
		title := fmt.Sprintf("%s on %d devices", w.r.model, len(w.made.Devices))
		if err := writeNew(w.o.svg, drawPlan(w.made, plan.Assignment, w.r.uses, title)); err != nil {
			return err
		}
		w.report.Picture = w.o.svg
	}
	return nil
}

// writeNew writes a file that appears under its name when it is whole. What has
// that name already stays.
func writeNew(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone where all went well
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, errTaken)
	}
	return os.Rename(f.Name(), path)
}
