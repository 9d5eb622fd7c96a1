// Package service runs the daemon: it listens, serves the models of a Shelf, and
// gets along with the service manager.
//
// # What
//
// Run is ready as soon as its sockets take connections: models are loaded when
// they are asked for, and that is a state, not a part of the start. While it
// runs it says in a line how things stand, tells the watchdog only that there is
// progress where something is to be done, and looks every few seconds whether the
// machine and the control groups still allow the memory it was given. A first
// SIGTERM or SIGINT lets requests under way end, for so long; a second one does
// not. SIGHUP reads the configuration again, SIGUSR1 has the state written to the
// log.
//
// # Nouns
//
// A Config is what the file of the configuration says and flags say instead.
// A Token lets its bearer call over TCP; the file of tokens has only sums of
// them. A notifier is the side of the service manager. The crew is this host's part
// in a cluster, where the configuration gives it one: the lead, whom the models here
// have for their team, or a member, which gives most of its memory to the lead.
//
// # Caveats
//
// Run is for a process of its own: it takes over signals, forbids core dumps and
// debuggers, and narrows the umask while sockets are made. What is asked and
// answered is in no line of its log. What a Config says of listening, of log
// formats and of TLS files is read at the start alone; certificates themselves are
// read again.
package service
