// Package flashio reads ranges of files from flash storage into aligned memory
// that the garbage collector does not own. It knows files, ranges and devices,
// and nothing of experts.
//
// # What
//
// Experts of a model that exceeds RAM are read in pieces of a megabyte or so,
// several at once, while other experts are being multiplied with. Two ways of
// doing that lose: mapping the file, since the kernel reads in pieces of its own
// choosing and each fault stalls a thread where the scheduler cannot see it; and
// reads through the page cache, since a memory budget pays for what they leave
// there. So the default is a small pool of blocking reads past the page cache.
//
// Four backends were measured on random reads of a model file
// (testdata/bench/flash.csv has the figures). Direct reads beat all others in
// bandwidth, and by far those through the page cache (two to three times) and
// the mapping (three times); these stay, Buffered for file systems that refuse
// direct reads, Mapped for comparison. A ring of io_uring came second and was
// removed: it saved some processor time when the cores had nothing else to do,
// and got less out of the disk when they had. What gains most is huge pages
// under the buffers: they double the bandwidth of direct reads.
//
// # Nouns
//
// An Arena is anonymous memory outside the Go heap, in huge pages unless told
// otherwise. A Buffer is an aligned stretch of it. Only a Buffer can be read
// into, so alignment is a type and not a rule; Window gives the aligned range
// around the bytes that are wanted.
//
// A Request is a batch of Parts, each a range of the file and its Buffer, with
// a Priority: a Demand goes before a Prefetch. A Reader takes requests and
// completes them in any order. It reads neighbours together, splits what is
// longer than its Options say, cancels or raises what is still queued, tries a
// second time what failed, and counts: Stats. Under it lies a Source, which only
// reads; package flashtest puts faults between the two. Options can make the
// device seem slower than it is, to measure what another would give.
//
// A Device is what a Calibration measured, random reads by size and by how many
// at once, and what it chose. SaveDevice keeps it in the user's cache directory
// under moed/devices, one file for each file system, told apart by its device
// number, type and id; Open with Auto goes by it.
//
// # Caveats
//
// A Request and its Buffers belong to the Reader from Submit until Done is
// called or Cancel returns true. An Arena must outlive all reads into it: close
// the Reader first.
//
// A file that shrinks or changes under a Reader is an error and never a signal,
// for Mapped too. A range that has gone is io.ErrUnexpectedEOF, with ErrChanged
// where the file differs from what was opened. Bytes that were overwritten in
// place are only noticed by Check, which looks at size, time of modification
// and identity; it is for the caller to call it, and to compare checksums where
// it has any.
//
// Direct reads see what is on the device, and the kernel writes out first what
// the page cache holds. They need Linux; elsewhere all reads are Buffered, and
// the page cache is the system's business.
//
// A goroutine that comes back from a blocking read needs a processor of the Go
// scheduler. A program that computes on all of them without a pause should set
// GOMAXPROCS higher by InFlight.
package flashio
