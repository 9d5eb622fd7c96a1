package budget

import (
	"path/filepath"
	"testing"
)

func TestArm(t *testing.T) {
	fired := make(chan struct{}, 1)
	disarm, err := arm("/proc/pressure/memory", fired)
	if err != nil {
		t.Skip(err) // not permitted, or not in this kernel
	}
	disarm() // waits for the goroutine
	disarm()
}

func TestArmFails(t *testing.T) {
	if _, err := arm(filepath.Join(t.TempDir(), "absent"), nil); err == nil {
		t.Error("a trigger on no file")
	}
}
