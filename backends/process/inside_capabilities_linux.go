package process

import (
	"fmt"

	"github.com/moby/sys/capability"
	"golang.org/x/sys/unix"
)

// limitBounding drops from the bounding set what is not in c.Bounding. Dropping needs CAP_SETPCAP,
// so limitBounding runs before the user changes.
func (c *Capabilities) limitBounding() error {
	last, err := capability.LastCap()
	if err != nil {
		return fmt.Errorf("get the kernel's last capability: %w", err)
	}
	for n := capability.Cap(0); n <= last; n++ {
		if c.Bounding&(1<<uint(n)) != 0 {
			continue
		}
		has, err := capability.GetBound(n)
		if err == nil && has {
			err = capability.DropBound(n)
		}
		if err != nil {
			return fmt.Errorf("drop %s from the bounding set: %w", n, err)
		}
	}
	return nil
}

// apply sets the thread's permitted, effective, inheritable and ambient sets. Capabilities that the
// thread does not have cannot be granted, and are returned as warnings. The capabilities in keep
// stay permitted and effective if the thread has them.
func (c *Capabilities) apply(keep uint64) (warnings []error, err error) {
	own, err := threadsOwn()
	if err != nil {
		return nil, err
	}
	give, warnings := c.granted(own)
	keep &= own.permitted
	// The kernel drops an ambient capability when it is no longer permitted. The others have to be
	// cleared.
	if err := capability.ResetAmbient(); err != nil {
		return nil, fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		shift := 32 * i
		data[i] = unix.CapUserData{
			Permitted:   uint32((give.Permitted | keep) >> shift),
			Effective:   uint32((give.Effective | keep) >> shift),
			Inheritable: uint32(give.Inheritable >> shift),
		}
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return nil, fmt.Errorf("capset(permitted %#x, effective %#x, inheritable %#x): %w",
			give.Permitted|keep, give.Effective|keep, give.Inheritable, err)
	}
	for _, n := range caps(give.Ambient) {
		if err := capability.SetAmbient(true, n); err != nil {
			return nil, fmt.Errorf("raise the ambient capability %s: %w", n, err)
		}
	}
	return warnings, nil
}

// raise makes the capabilities of mask effective that the thread has permitted. setresuid(2) from
// root to another user leaves none effective.
func raise(mask uint64) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	for i := range data {
		data[i].Effective |= uint32(mask>>(32*i)) & data[i].Permitted
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capset (raise %s): %w", capNames(mask), err)
	}
	return nil
}
