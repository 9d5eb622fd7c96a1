// Package systemd holds the units of moed's daemon and what goes with them.
//
// # What
//
// Under units/ are a service and its sockets for a whole machine and for one
// user, the user that the service runs as, and its directories. They are files
// for packagers as they are; Files has them for the binary at another path.
//
// # Nouns
//
// A File is one of them and where it belongs.
//
// # Caveats
//
// The service of a machine sees no home directories and no network but for the
// sockets that are passed to it.
package systemd
