package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// defaultDevices are the devices that every container has (runtime-spec, config-linux, "Default
// Devices"). The console and ptmx are made elsewhere.
var defaultDevices = []Device{
	{Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3},
	{Path: "/dev/random", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 8},
	{Path: "/dev/full", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 7},
	{Path: "/dev/tty", Mode: unix.S_IFCHR | 0o666, Major: 5, Minor: 0},
	{Path: "/dev/zero", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 5},
	{Path: "/dev/urandom", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 9},
}

func (d *Device) error(err error) error {
	if d.From == "" {
		return fmt.Errorf("device %s: %w", d.Path, err)
	}
	return fmt.Errorf("%s (%s): %w", d.From, d.Path, err)
}

// verifyNode checks that a file has the type and the device number of d.
func verifyNode(st *unix.Stat_t, d *Device) error {
	if st.Mode&unix.S_IFMT != d.Mode&unix.S_IFMT {
		return fmt.Errorf("has file type %#o, not %#o", st.Mode&unix.S_IFMT, d.Mode&unix.S_IFMT)
	}
	dev := uint64(st.Rdev) //nolint:unconvert // its size differs among architectures
	if !isType(d.Mode, unix.S_IFIFO) && dev != unix.Mkdev(d.Major, d.Minor) {
		return fmt.Errorf("is device %d:%d, not %d:%d", unix.Major(dev), unix.Minor(dev), d.Major, d.Minor)
	}
	return nil
}
