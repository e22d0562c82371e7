package command

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// keepDescriptors sees to it that nothing berth starts, a hook or a container's
// monitor, holds on to what its caller has left open. What is meant for the
// container is handed on by number.
func keepDescriptors() error {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range(CLOSE_RANGE_CLOEXEC): %w", err)
	}
	return nil
}
