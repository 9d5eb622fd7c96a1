// Package team has several hosts run one model together: a coordinator, where the
// forward pass runs, and members, which compute the experts that a plan gives
// them.
//
// # What
//
// The coordinator keeps dense weights, KV cache and some experts; each member
// keeps in its memory the experts that the plan has for it, and answers the
// coordinator's messages with their outputs; or it keeps whole layers, with dense
// weights, and runs them for the tokens that the coordinator sends. All have the
// model's file, and each
// reads experts of its own disk only: no weight crosses the network. Without a
// plan from moed place the coordinator makes two, by the room that members say they
// have, by what earlier runs have used and by how long messages take: one in which
// experts are asked for and one in which tokens move. It puts the quicker.
//
// A member that dies, hangs or is cut off costs time and no bit of the answer: the
// coordinator computes its experts from its own file meanwhile. It is relied on
// again after a trial.
//
// # Nouns
//
// A Lead is the coordinator's side of it: it is the daemon.Team of its engines,
// puts plans and follows them, and says how members stand. A Member is the other
// side: it follows plans, warms what they give it, and computes. What they say to
// each other goes through package cluster.
//
// # Caveats
//
// Hosts belong together by the identity of the model's file, its header, and by
// the version of moed; a member with another is refused by name. Weights are
// compared by trials only.
//
// A member serves a model from when all its experts are read, so that nobody waits
// for its disk; until then the coordinator computes alone.
package team
