// Package flashio will read extents of files from flash storage into aligned
// memory that the garbage collector does not own. It is not written yet; this
// is its design. It knows files, extents and devices, and nothing of experts.
//
// # What
//
// Experts of a model that exceeds RAM are read in pieces of a megabyte or so,
// several at once, while other experts are being multiplied with. Two ways of
// doing that lose: mapping the file, since each page fault stalls a thread
// where the scheduler cannot see it and the kernel reads in pieces of its own
// choosing; and buffered reads, since they fill the page cache, which a memory
// budget has to pay for. So the default is a bounded pool of blocking preads
// with O_DIRECT. Beside it stand, behind one interface and passing one suite of
// tests: buffered preads that give their pages back (where O_DIRECT is
// refused), a ring of io_uring with registered buffers (kept only where it wins
// by measurement), and mapping (for comparison).
//
// # Nouns
//
// An Extent is a range of bytes of one file. A Buffer is a slot of an Arena:
// anonymous memory outside the Go heap, aligned as the strictest device wants
// (statx tells), in huge pages where they help, locked where that is allowed.
// Only a Buffer can be read into, so alignment is a type and not a rule. A
// Request is a batch of extents with their buffers and a priority: a demand
// goes before a prefetch. A Reader takes requests and completes them in any
// order. A Device is what a calibration measured: bandwidth and latency by size
// and depth, kept per device and reused.
//
// A Reader merges extents that touch, splits those that are longer than the
// size that measured best, cancels what is still queued when it is told to, and
// counts bytes, latency and time in the queue. Merging and splitting are pure
// functions, tested apart from any disk.
//
// The nested package bundle will hold the format of a packed model. Its unit is
// the bundle: for one group of an expert's neurons, the rows of gate and up and
// the matching block-column of down, side by side (row-column bundling, after
// LLM in a flash, Alizadeh et al. 2023, arXiv 2312.11514, but for whole groups
// of one quantisation block, so that packing permutes and never requantises).
// Bundles are aligned to 4 KiB, an expert's are contiguous, and each has a
// checksum, so that arithmetic starts with the first that arrives.
//
// # Caveats
//
// A Buffer belongs to the request from Submit until its completion, and to the
// caller otherwise; it must not be returned to the Arena in between. A file
// that shrinks or changes under a Reader is an error of that request, found by
// size, time of modification and checksum, and never a signal. A read that
// fails is tried once more; after that the error names file and extent. Hints
// to the kernel (WILLNEED) are cut at its read-ahead size, so they are given in
// pieces of that size.
package flashio
