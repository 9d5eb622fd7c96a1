//go:build !invariants

package offload

// loans is the record of leases, which the build tag invariants keeps.
type loans struct{}

func (loans) lend(slot int32) int     { return int(slot) }
func (loans) redeem(handle int) int32 { return int32(handle) }
func (loans) check()                  {}

func poison([]byte) {}
