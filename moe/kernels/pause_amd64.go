//go:build !purego

package kernels

// pause tells the core that it is in a polling loop.
//
//go:noescape
func pause()
