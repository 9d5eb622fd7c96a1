//go:build !linux

package daemon

// look has nothing to add here.
func (m *Machine) look() {}
