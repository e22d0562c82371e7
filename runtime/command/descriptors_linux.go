package command

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// keepDescriptors sets close-on-exec on every descriptor from 3 on. Nothing that berth starts, such
// as a hook or a container's monitor, then keeps open what the caller left open. Descriptors for
// the container are passed on by number.
func keepDescriptors() error {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range(CLOSE_RANGE_CLOEXEC): %w", err)
	}
	return nil
}
