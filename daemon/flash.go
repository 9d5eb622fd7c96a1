package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"

	"moed/flashio"
	"moed/moe"
	"moed/moe/gguf"
	"moed/offload"
	"moed/offload/hosts"
)

// flash is a model whose weights are read from its file: the dense ones at
// once, into memory where they stay, the experts when they are wanted. Nothing
// is mapped, so a file that is cut off is an error and not a signal.
type flash struct {
	reader *flashio.Reader
	disks  *disks
	dense  *offload.Dense
	store  *offload.Store // nil where the model has no routed experts
	model  *moe.Model
	hosts  *hosts.Experts // nil where no other host computes any
	leave  func()         // ends that
	check  *moe.Worker    // computes what they are compared with
	note   string         // what a user should know of it, or empty
}

// flashOptions say how. The zero value is right but for bytes.
type flashOptions struct {
	moe.Options
	bytes    int64                                    // of memory for experts
	ahead    int                                      // layers to read ahead; below 0 is none
	team     Team                                     // nil where this host works alone
	share    func(dst []float32, layer int) []float32 // as Led has it
	policy   string
	reader   flashio.Options
	open     openFunc                // nil is flashio.Open
	progress func(done, total int64) // of the dense weights, in bytes
}

type openFunc func(path string, o flashio.Options) (*flashio.Reader, error)

// header is what a file says of itself before anything of it is loaded.
type header struct {
	path string
	file *gguf.File
	size int64
	info os.FileInfo

	disks    *diskManifest // beside it, nil where there is none
	disksErr error         // why that beside it is of no use
}

// readHeader reads the metadata of the model at path, and which disks have
// copies of its experts.
func readHeader(path string) (*header, error) {
	h, err := readFileHeader(path)
	if err == nil {
		h.disks, h.disksErr = readDiskManifest(path)
	}
	return h, err
}

// readFileHeader reads the metadata of the GGUF at path.
func readFileHeader(path string) (*header, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	head, err := gguf.Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &header{path: path, file: head, size: info.Size(), info: info}, nil
}

// denseRanges are the parts of the file that every token needs.
func (h *header) denseRanges() []offload.Range {
	return h.ranges(func(tensor string) bool { return !moe.IsExpertTensor(tensor) })
}

// ranges are the parts of the file with the tensors that are wanted.
func (h *header) ranges(want func(tensor string) bool) []offload.Range {
	var ranges []offload.Range
	for i := range h.file.Tensors {
		if t := &h.file.Tensors[i]; want(t.Name) && t.Size > 0 {
			ranges = append(ranges, offload.Range{Offset: t.Offset, Size: t.Size})
		}
	}
	return ranges
}

// openFlash loads a model of which the header is known and measured.
func openFlash(ctx context.Context, h *header, fp *moe.Footprint, o flashOptions) (_ *flash, err error) {
	f := &flash{disks: &disks{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	open := flashio.Open
	if o.open != nil {
		open = o.open
	}
	if f.reader, err = open(h.path, o.reader); err != nil {
		return nil, err
	}
	if f.dense, err = offload.ReadDense(ctx, f.reader, h.denseRanges(), o.progress); err != nil {
		return nil, err
	}
	if fp.Memory.Experts > 0 {
		f.disks = openDisks(h, fp.Table, open, o.reader)
		f.store, err = offload.New(fp.Table, f.reader, offload.Options{Bytes: o.bytes, Policy: o.policy, Ahead: max(o.ahead, 0),
			Disks: f.disks.open, Lost: f.disks.lost})
		if err != nil {
			return nil, err
		}
		o.Options.Experts = f.store
		if o.team != nil {
			if err := f.lead(h, fp, &o); err != nil {
				return nil, err
			}
			o.Options.Experts, o.Options.Stages = f.hosts, f.hosts
		}
	}
	if f.model, err = moe.New(h.image(f.dense), h.path, o.Options); err != nil {
		return nil, err
	}
	// The file that was read must still be the one whose header was read.
	if err := f.unchanged(h); err != nil {
		return nil, err
	}
	if f.store != nil && o.ahead >= 0 {
		if err := f.guess(h, o.ahead); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// unchanged reports a file that is not the one that h describes.
func (f *flash) unchanged(h *header) error {
	info, err := os.Stat(h.path)
	if err == nil && (!os.SameFile(info, h.info) || info.Size() != h.size || !info.ModTime().Equal(h.info.ModTime())) {
		err = flashio.ErrChanged
	}
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", flashio.ErrChanged, err)
	}
	if err == nil {
		err = f.reader.Check()
	}
	return err
}

func (f *flash) close() error {
	var errs []error
	if f.model != nil {
		errs = append(errs, f.model.Close())
	}
	if f.leave != nil {
		f.leave()
	}
	if f.check != nil {
		errs = append(errs, f.check.Close())
	}
	if f.store != nil {
		errs = append(errs, f.store.Close())
	}
	if f.dense != nil {
		errs = append(errs, f.dense.Close())
	}
	if f.reader != nil {
		errs = append(errs, f.reader.Close())
	}
	errs = append(errs, f.disks.close())
	return errors.Join(errs...)
}
