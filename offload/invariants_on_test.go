//go:build invariants

package offload_test

const invariants = true
