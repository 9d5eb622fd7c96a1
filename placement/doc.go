// Package placement decides on which device each expert lives when a model is
// spread over several disks or several hosts. It is pure and imports nothing of
// ours: a problem in plain numbers goes in, an assignment and a bound on how much
// better one could be come out.
//
// # What
//
// Let x[e,d] be 1 where expert e has a copy on device d. The program is
//
//	each expert has a copy, and no more than Copies:  1 ≤ Σd x[e,d] ≤ Copies
//	a device holds what it can:                       Σe bytes[e]·x[e,d] ≤ Capacity[d]
//	and of one layer no more than it may:             Σe in layer x[e,d] ≤ PerLayer[d]
//
// and what is made small is the mean, over recorded tokens, of the time that a
// token takes: for each layer the slowest of the devices that serve it, where a
// device serves its share of the layer's experts one after another, and one on
// another host begins when the request has come and is done when its answer has.
// With Moving a token goes to the host that has all its experts of the layer, by
// way of home, and stays there while that is so (the context-coherent parallelism
// of ExFlow, for more experts than one); else it comes home after each layer. The
// keys and values that it leaves behind are not counted.
// Where an expert has several copies each token takes those that serve it soonest.
//
// Two facts from recorded traces enter. Experts of adjacent layers that are often
// used by the same token belong on one host, so that a token asks few hosts: the
// affinity of ExFlow (Yao et al. 2024, arXiv 2401.08383), whose own objective, on
// equal devices, is the Goal Hops. Experts of one layer that are used together
// belong on different disks, to be read at the same time, but on one host, so that
// one message serves them.
//
// # Nouns
//
// A Problem has Layers (bytes of experts), Devices (capacity, speed, host, site),
// Links between hosts, and a Usage, the recorded choices. Solve makes a Plan: an
// Assignment, its Cost, and a Bound. Evaluate prices any assignment on any tokens;
// RoundRobin, Frequency, ByLayers and Random are plans to compare with. Simulate
// replays tokens on a plan with batches and work beside the experts. A File keeps
// a plan with its problem.
//
// The solver first works on pairs: what two experts of adjacent layers, or of one,
// cost on two devices. Given its neighbours one layer is then a transportation
// problem, which is solved exactly; layers are visited until nothing gains, the
// plan is disturbed in a window of layers and settled again. It does so level by
// level, sites, hosts, disks, and for all devices at once, with shares of devices
// by room and by speed. The best of these and of the simple plans are searched
// further on the true cost, by moves and swaps, and spare room is filled with the
// copies that save most for their bytes. Problems of a dozen experts are solved to
// the proven optimum by branch and bound over all plans.
//
// The bound for Time is the greater of two relaxations: every token and layer has
// all devices for itself; or the Lagrangian dual, in which the slowest device of a
// layer is a weighted mean of all and capacities have prices. The bound
// for Hops takes each pair of layers by itself: what each row's best could keep,
// or what the singular values of the centred transitions allow. Bound.Method says
// which it was.
//
// # Caveats
//
// Work is bounded in steps and not in seconds, so that the same problem gives the
// same plan everywhere. The bounds are sound and often wide: the gap says how far
// the plan is from the bound, not from the optimum. General solvers of integer
// programs found nothing at 24 layers of 64 experts in a minute, since devices are
// interchangeable and the relaxation splits every expert evenly. WriteLP writes the
// program for them all the same, and SolveWith has one go on from our plan: of use
// for small problems, and for a second opinion.
//
// Traces of one kind of text may mislead for another: judge a plan on text that it
// was not made from, and beside one made of Shuffled tokens, which have no
// affinity. A new plan for a running system should count what it moves: see
// Options.From.
package placement
