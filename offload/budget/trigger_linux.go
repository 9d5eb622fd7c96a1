package budget

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// triggers are what the kernel is asked for, the first that it takes: tasks
// stalled for so many of so many microseconds. Those without privileges may only
// have windows of whole two seconds.
func triggers() []string { return []string{"some 150000 1000000", "some 300000 2000000"} }

// arm has the kernel send to fired, which should have room for one, when tasks
// stall. disarm ends that and waits for it.
func arm(path string, fired chan<- struct{}) (disarm func(), err error) {
	fd, err := openTrigger(path)
	if err != nil {
		return nil, err
	}
	var wake [2]int
	if err := unix.Pipe2(wake[:], unix.O_CLOEXEC); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("pipe for %s: %w", path, err)
	}
	ended := make(chan struct{})
	go func() { // ends at disarm, or when the file goes away with its group
		defer close(ended)
		await(fd, wake[0], fired)
	}()
	return sync.OnceFunc(func() {
		unix.Close(wake[1])
		<-ended
		unix.Close(wake[0])
		unix.Close(fd)
	}), nil
}

// openTrigger opens the file with a trigger on it, which lives as long as the
// descriptor. One descriptor takes one trigger.
func openTrigger(path string) (fd int, err error) {
	for _, t := range triggers() {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("open %s: %w", path, err)
		}
		if _, err = unix.Write(fd, append([]byte(t), 0)); err == nil {
			return fd, nil
		}
		unix.Close(fd)
	}
	return -1, fmt.Errorf("trigger on %s: %w", path, err)
}

// await sends to fired for each event on fd, until the other end of wake is
// closed.
func await(fd, wake int, fired chan<- struct{}) {
	on := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(on, -1); err != nil && err != unix.EINTR {
			return
		} else if err != nil {
			continue
		}
		if on[1].Revents != 0 || on[0].Revents&unix.POLLERR != 0 {
			return
		}
		select {
		case fired <- struct{}{}:
		default: // one is waiting already
		}
	}
}
