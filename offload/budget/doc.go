// Package budget knows the one number of bytes that a process may use, how it
// is divided, what has been taken of it, and when it should be less for a while.
//
// # What
//
// A program that fills all memory it is given with a cache has to know how much
// that is. What /proc/meminfo says is wrong in a container, and what a control
// group says is wrong when one above it has less; so Discover asks all, and
// names the one that binds. Split divides the result before anything is loaded,
// or says how much it would take. From then on the Account admits memory before
// it is taken: the cache of experts has what nobody else needs and gives way when
// a context grows. Pressure watches for the case that others turn out to need
// more than they did when we looked.
//
// The default budget leaves a reserve: where the machine's memory binds, a tenth
// of what is available and at least 512 MB, for programs that start or grow;
// where a control group or a resource limit binds, 3 % and at least 64 MB, for
// what the kernel counts and we do not. Where nothing tells what others use
// (macOS), a quarter and at least 2 GB.
//
// # Nouns
//
// An Amount is what the user typed, by ParseSize: 8G and 8GB are 8·10⁹ bytes,
// 8GiB is 8·2³⁰, 75% is a share of what Discover finds. Limits are that finding,
// made of Levels, one for each limit; a Level's Room includes what the process
// holds already.
//
// A Need is what a model wants, a Plan how a budget is divided for it. TooSmall
// is the error of a budget that does not do, with the smallest that does.
//
// An Account holds the bytes of each Part. Full is its error. Its functions say
// what they lock; the function that is set by OnShort frees experts.
//
// Pressure takes Readings of the kernel's signs, a Meter makes Stress of them
// with hysteresis, and a Governor the share of the budget that is to be used.
// The last two are pure.
//
// SetGoLimit gives the Go runtime its part. Resident and HeapInUse say what the
// kernel and the runtime count, to check the Account against.
//
// # Caveats
//
// Discover looks at one moment. What it calls available may be gone a second
// later, and page cache that it counts as available may be a neighbour's working
// set. Swap never counts.
//
// KV cache should be admitted in chunks of many tokens: each Admit that does not
// fit asks for experts to be thrown out, a slot of megabytes at a time.
//
// The Account knows what it is told. Pages of mapped files, thread stacks and
// page tables are in nobody's part; the reserve is for them.
//
// Stalls of the whole machine count as Pressure only while less than a fifth of
// its memory is available: containers that fight their own limits stall too. On
// systems other than Linux there are no signs, and Watch says so.
package budget
