// Package fetch brings model files into a directory, and tells later whether
// they are still what came.
//
// # What
//
// Get takes a file from an https address, or from this machine, and leaves it
// under its name only when all of it is there, on the disk, and right. It may
// be ended at any moment, by a signal that cannot be caught too: the next Get
// goes on. Beside the file it puts a manifest of checksums. Verify compares a
// file with its manifest, and Repair fetches only the chunks that differ.
//
// # Nouns
//
// A source is where bytes come from, at any offset, and its identity (length,
// entity tag, date) tells whether they are still the same ones. The part is what
// is there so far, FILE.part; its journal, FILE.part.json, says how much of it is
// surely on the disk and what the checksums up to there are. A Manifest is the
// SHA-256 of a file and of each of its chunks of 64 MiB, in FILE.moed.
//
// # Caveats
//
// One process at a time fetches a file; another gets ErrBusy. A file on this
// machine is linked where it can be, so that it is the same file and takes no
// room twice; otherwise it is copied. Addresses in errors and results have no
// credentials and no query. Callbacks come on the caller's goroutine but for
// those of Verify.
package fetch
