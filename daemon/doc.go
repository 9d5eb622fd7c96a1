// Package daemon puts the parts of moed together: it opens models, turns
// requests into text, looks into files and measures. The command line calls
// it in its own process; the long-running service will call the same code
// from behind a Unix socket.
//
// # Nouns
//
// An Engine is one open model that answers Requests, each with a Result. A
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
// # The service that this becomes
//
// One process owns the models and the memory. Its engine loop advances all
// requests together: each step carries the decode tokens of every active
// request and a chunk of one or more prompts, so sized that running answers
// keep their pace, and grouped by expert so that an expert is fetched once for
// all of them. Requests queue fairly per caller; one whose caller leaves stops
// within a layer, and the prefix it computed stays reusable by that caller.
//
// It listens on a Unix socket and on nothing else unless told to. The kernel
// says who calls (SO_PEERCRED): whoever may open the socket may ask for text,
// only administrators load, unload, resize or cancel others. One router serves
// the OpenAI, Ollama and llama-server dialects and a native one. It is never
// silent: loading and reading a prompt report progress in the stream. It never
// truncates: a prompt that does not fit is refused with the numbers. All
// memory, weights, experts, key-value cache and prefix cache, comes out of one
// budget, and a request that would break it is refused rather than swapped.
//
// # Caveats
//
// An Engine answers one request at a time and is not safe for concurrent use.
// Prompts and answers are never logged. Nothing here writes to the standard
// streams; that is the command line's.
package daemon
