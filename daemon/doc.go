// Package daemon puts the parts of moed together: it opens models, turns
// requests into text, looks into files and measures. The command line calls
// it in its own process; the long-running service (daemon/service) calls the
// same code from behind a Unix socket.
//
// # Nouns
//
// An Engine is one open model that answers Requests, each in Pieces and with a
// Result. A Shelf is all models of a process within one budget; a Loan is the
// right to use one, which is loaded for it. A Caller is who asks. A
// Report says what is in a GGUF file, whether or not moed runs it. A Bench is
// one measured run, whose choices are greedy so that it repeats. Pack rewrites a
// model's experts as bundles, and a Doctor looks at the machine and its disk.
//
// A model's use of its experts is kept from run to run (profile.go), in
// moed/profiles under XDG_STATE_HOME or what stands in for it: a file for each
// model and workload, with counts alone. The next run reads first what was used
// most, while nothing else wants the disk, into memory that nobody uses yet.
//
// An Engine with a model file works within one memory budget. Before anything
// is loaded the header is measured and the budget divided (memory.go); then the
// dense weights are read into memory, and experts when they are wanted
// (flash.go). The key-value cache is admitted against the account of that
// budget, and experts give way to it; so they do where the budget is lowered
// or the system is short of memory.
//
// TraceRecord writes down what a model's routers choose (trace.go), and Replay
// serves such a run from memories of any size (replay.go). By the store's rule
// it finds the hits and misses of the run itself, to the last one, if nothing
// was read ahead or warmed from a profile, the memory for experts stayed, no
// batch wanted more experts of a size than there were slots, and the trace is
// exact where the policy weighs probabilities.
//
// # Several disks and hosts
//
// PackDisks writes experts to other disks, as a plan says, and beside the model a
// manifest that names these files (pack_disks.go); a run opens them with the model
// and reads from all (flash_disks.go). What does not belong to the model any more
// is left out with a note. A Team takes the place of the store as the source of
// experts (team.go): it asks other hosts, each of which has a Worker (worker.go),
// and falls back on the store. Package daemon/team has both sides.
//
// # Many requests
//
// One loop advances all requests of an Engine together (loop.go, turn.go). A
// turn is one step of the model: the next token of every running answer, and a
// chunk of the prompts that wait. Within the step tokens are grouped by expert,
// so that an expert is fetched once for all of them.
//
// A chunk goes only so many layers in one step as the pace of the answers allows
// (pace.go), and is measured by what it costs in arithmetic and in waiting for
// experts. Cutting a prompt by layers rather than by tokens keeps what it reads
// from flash at one sweep of the experts per chunk: short chunks would sweep them
// again and again. Who comes next is decided by how many tokens were worked on
// for each caller (fair.go). A caller that leaves is taken out between two layers.
//
// Answers are chosen and read in the loop, and taken by the goroutine that asked
// (mailbox.go), so that a slow reader rests alone. What a request has computed is
// kept for the same caller's next prompt (prefixes.go) and given back first when
// memory is short; after that the request that came last starts again later,
// which gives the same text. A step that fails is tried again for each request in
// it alone, so that a disk error ends the answers that it concerns.
//
// # Caveats
//
// Prompts and answers are never logged. Nothing here writes to the standard
// streams; that is the command line's.
package daemon
