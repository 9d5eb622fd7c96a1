// Package socket makes the Unix sockets that the daemon listens on, and says who
// is at the other end of them.
//
// # What
//
// A daemon that dies leaves its socket behind, and two of them must not fight
// over one path. So a lock on a file beside the socket is held as long as it
// listens: the kernel lets go of it with the process, however that ends. Whoever
// holds the lock may replace a socket that nobody answers on; one that somebody
// answers on, without the lock, belongs to another program and stays.
//
// A socket is made under another name and gets its group and mode there. Then it
// is renamed, so that nobody finds it with wider permissions than it is to have.
//
// # Nouns
//
// Listen makes a listener. Peer names the process at the other end of a
// connection. Activated is the listeners that the service manager has made.
//
// # Caveats
//
// Listen narrows the umask of the process for the moment of the bind: files that
// other goroutines create at that moment get no wider permissions than 0600. The
// file of the lock stays when the listener is closed; removing it would let two
// daemons hold locks on different files of one name.
package socket
