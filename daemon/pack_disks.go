package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
)

// DiskPlan is which experts go to one disk.
type DiskPlan struct {
	Name    string  // among the plan's disks
	Dir     string  // a directory on it, which must be there
	Experts [][]int // by layer, ascending
}

// PackDisksOptions say which disks get copies of which experts.
type PackDisksOptions struct {
	Model string // path of a stock or a packed GGUF
	Disks []DiskPlan
	// Verify reads everything again and compares it with the source, before the
	// files get their names.
	Verify bool
	// Progress is called now and then by the goroutine that called PackDisks,
	// with the bytes of all files together, and may be nil.
	Progress func(PackProgress)
}

// PackDisksResult is what lies on the disks now.
type PackDisksResult struct {
	Model    string     `json:"model"`
	Manifest string     `json:"manifest"` // beside the model, what a run goes by
	Disks    []DiskPack `json:"disks"`
	// Alone are experts that are on no disk but the model's own.
	Alone   int     `json:"alone"`
	Seconds float64 `json:"seconds"`
}

// DiskPack is the file on one disk.
type DiskPack struct {
	Name string `json:"name"`
	PackResult
}

// shardEnding is not that of models, so that a shard in a directory of models is
// not taken for one.
const shardEnding = ".experts"

// PackDisks writes, for each disk, a file with the experts that it is to have,
// and then, beside the model, the manifest that runs find them by. Each file is
// written as Pack writes its own, may be gone on with, and takes the place of
// one that an earlier plan had put there.
func PackDisks(ctx context.Context, o PackDisksOptions) (*PackDisksResult, error) {
	start := time.Now()
	s, err := openPackSource(o.Model)
	if err != nil {
		return nil, err
	}
	defer s.close()
	table, err := sourceTable(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Model, err)
	}
	if err := checkDisks(o.Disks, table); err != nil {
		return nil, err
	}
	packers, err := o.packers(s, table)
	if err != nil {
		return nil, err
	}
	if err := roomForAll(packers); err != nil {
		return nil, err
	}
	r := &PackDisksResult{Model: o.Model, Manifest: ManifestName(o.Model), Alone: unplaced(o.Disks, table)}
	m := &diskManifest{Version: manifestVersion, Model: s.manifest()}
	for i, p := range packers {
		one, err := p.write(ctx, time.Now())
		if err != nil {
			return nil, fmt.Errorf("disk %q: %w", o.Disks[i].Name, err)
		}
		r.Disks = append(r.Disks, DiskPack{o.Disks[i].Name, *one})
		m.Disks = append(m.Disks, manifestDisk{Name: o.Disks[i].Name, Path: p.o.Out, Size: p.plan.size, Header: p.plan.sum()})
	}
	if err := m.write(o.Model); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// manifest is what a manifest says of the source.
func (s *packSource) manifest() manifestModel {
	return manifestModel{Size: s.info.Size(), Time: s.info.ModTime().UnixNano(), Header: fmt.Sprintf("%x", s.sum)}
}

// checkDisks reports disks that do not fit the model or each other.
func checkDisks(disks []DiskPlan, t *expert.Table) error {
	if len(disks) == 0 || len(disks) > mostShards {
		return fmt.Errorf("found %d disks, want 1 to %d", len(disks), mostShards)
	}
	names := map[string]bool{}
	for i := range disks {
		d := &disks[i]
		if d.Name == "" || len(d.Name) > mostName || names[d.Name] {
			return fmt.Errorf("disk %q: its name is empty, longer than %d bytes, or another's", d.Name, mostName)
		}
		names[d.Name] = true
		if len(d.Experts) != len(t.Layers) {
			return fmt.Errorf("disk %q: experts of %d layers, the model has %d", d.Name, len(d.Experts), len(t.Layers))
		}
		some := false
		for l, list := range d.Experts {
			for k, e := range list {
				if e < 0 || e >= t.Layers[l].Experts || k > 0 && list[k-1] >= e {
					return fmt.Errorf("disk %q: expert %d of layer %d: the model has %d, each is named once, in order", d.Name, e, l, t.Layers[l].Experts)
				}
				some = true
			}
		}
		if !some {
			return fmt.Errorf("disk %q: no experts go there", d.Name)
		}
	}
	return nil
}

// packers has one for each disk.
func (o *PackDisksOptions) packers(s *packSource, t *expert.Table) ([]*packer, error) {
	var all []*packer
	outs := map[string]string{}
	total := int64(0)
	for i := range o.Disks {
		d := &o.Disks[i]
		dir, err := filepath.Abs(d.Dir)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("disk %q: %w", d.Name, err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("disk %q: %s is no directory", d.Name, dir)
		}
		plan, err := newShardPlan(s, t, d.Experts)
		if err != nil {
			return nil, fmt.Errorf("disk %q: %w", d.Name, err)
		}
		out := filepath.Join(dir, shardName(o.Model, d.Name))
		if other, twice := outs[out]; twice {
			return nil, fmt.Errorf("disks %q and %q: both would write %s; give one another name or directory", other, d.Name, out)
		}
		outs[out] = d.Name
		p := newPacker(PackOptions{Model: o.Model, Out: out, Verify: o.Verify})
		p.source, p.plan, p.replace = s, plan, isShard
		all = append(all, p)
		total += plan.size
	}
	before := int64(0)
	for _, p := range all {
		if at := before; o.Progress != nil {
			p.o.Progress = func(x PackProgress) {
				o.Progress(PackProgress{Verifying: x.Verifying, Done: at + x.Done, Total: total})
			}
		}
		before += p.plan.size
	}
	return all, nil
}

// isShard reports whether f is a shard, which another may replace.
func isShard(f *os.File, size int64) bool {
	h, err := gguf.Read(f, size)
	return err == nil && h.Has(moe.KeyShardVersion)
}

// shardName is the name of the file for a disk.
func shardName(model, disk string) string {
	return strings.TrimSuffix(filepath.Base(model), ".gguf") + "." + plainName(disk) + shardEnding
}

// plainName is a name without what file systems take amiss.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
}

// roomForAll checks that the disks have room before any is written to. Disks
// in one directory share its room.
func roomForAll(packers []*packer) error {
	needed := map[string]int64{}
	for _, p := range packers {
		if done, err := p.finished(); err != nil {
			return err
		} else if !done {
			needed[filepath.Dir(p.o.Out)] += p.missing()
		}
	}
	for _, p := range packers {
		dir := filepath.Dir(p.o.Out)
		found, err := p.room(dir)
		if err != nil {
			return fmt.Errorf("room in %s: %w", dir, err)
		}
		if found < needed[dir] {
			return &NoRoomError{Dir: dir, Needed: needed[dir], Found: found}
		}
	}
	return nil
}

// unplaced is how many experts no disk has.
func unplaced(disks []DiskPlan, t *expert.Table) int {
	n := 0
	for l := range t.Layers {
		for e := range t.Layers[l].Experts {
			if !slices.ContainsFunc(disks, func(d DiskPlan) bool { _, has := slices.BinarySearch(d.Experts[l], e); return has }) {
				n++
			}
		}
	}
	return n
}
