// Relay passes TCP connections on and holds every byte back for a time, in each
// direction: a network of some latency, where the kernel has no netem.
//
//	relay LISTEN TARGET DELAY
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want LISTEN TARGET DELAY, found %d words", len(args))
	}
	delay, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	for {
		from, err := l.Accept()
		if err != nil {
			return err
		}
		to, err := net.Dial("tcp", args[1])
		if err != nil {
			from.Close()
			continue
		}
		go pass(from, to, delay)
		go pass(to, from, delay)
	}
}

// piece is what has been read at once.
type piece struct {
	due  time.Time
	data []byte
}

// pass copies until either side ends, which ends both.
func pass(from, to net.Conn, delay time.Duration) {
	line := make(chan piece, 1<<14)
	go func() {
		defer close(line)
		for {
			b := make([]byte, 64<<10)
			n, err := from.Read(b)
			if n > 0 {
				line <- piece{time.Now().Add(delay), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	defer from.Close()
	defer to.Close()
	for p := range line {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			return
		}
	}
}
