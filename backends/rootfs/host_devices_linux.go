package rootfs

import (
	"fmt"
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// planDevices plans the device nodes as far as possible without looking at the host.
func (h *host) planDevices() error {
	h.plan.SetupDev = !bindsOverDev(h.spec)
	if !h.plan.SetupDev {
		return nil
	}
	own := map[string]bool{}
	var configured []Device
	if h.spec.Linux != nil {
		for i := range h.spec.Linux.Devices {
			d, err := planDevice(&h.spec.Linux.Devices[i])
			if err != nil {
				return &spec.FieldError{Path: fmt.Sprintf("linux.devices[%d]", i), Value: h.spec.Linux.Devices[i].Path, Err: err}
			}
			d.From = fmt.Sprintf("linux.devices[%d]", i)
			own[path.Clean(d.Path)] = true
			if path.Clean(d.Path) != "/dev/ptmx" { // this is always the link to pts/ptmx
				configured = append(configured, d)
			}
		}
	}
	for _, d := range defaultDevices {
		if !own[d.Path] {
			h.plan.Devices = append(h.plan.Devices, d)
		}
	}
	h.plan.Devices = append(h.plan.Devices, configured...)
	return nil
}

// openDevices plans the device nodes and opens the host's nodes for bind mounts. A bind mount is
// needed because mknod is not possible in a user namespace, and elsewhere a device policy may
// forbid it.
func (h *host) openDevices() error {
	if err := h.planDevices(); err != nil {
		return err
	}
	for i := range h.plan.Devices {
		d := &h.plan.Devices[i]
		d.Tree = None
		if isType(d.Mode, unix.S_IFIFO) {
			continue
		}
		d.Bind = h.userns
		if err := h.openNode(d); err != nil && d.Bind {
			return d.error(err)
		}
	}
	return nil
}

// bindsOverDev reports whether the config bind mounts a complete /dev.
func bindsOverDev(s *specs.Spec) bool {
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if path.Clean("/"+m.Destination) == "/dev" && isBind(m, parseOptions(m.Options)) {
			return true
		}
	}
	return false
}

func planDevice(d *specs.LinuxDevice) (Device, error) {
	out := Device{Path: d.Path, Mode: 0o666}
	if d.FileMode != nil {
		out.Mode = uint32(*d.FileMode) & 0o7777
	}
	switch d.Type {
	case "c", "u":
		out.Mode |= unix.S_IFCHR
	case "b":
		out.Mode |= unix.S_IFBLK
	case "p":
		out.Mode |= unix.S_IFIFO
	default:
		return out, fmt.Errorf("invalid device type %q", d.Type)
	}
	if d.Type != "p" {
		// The kernel's dev_t has 12 bits for the major and 20 for the minor number, and drops more.
		if d.Major < 0 || d.Major > 1<<12-1 || d.Minor < 0 || d.Minor > 1<<20-1 {
			return out, fmt.Errorf("invalid device number %d:%d", d.Major, d.Minor)
		}
		out.Major, out.Minor = uint32(d.Major), uint32(d.Minor)
	}
	if d.UID != nil {
		out.UID = *d.UID
	}
	if d.GID != nil {
		out.GID = *d.GID
	}
	return out, nil
}

// openNode opens the host's node with the same path. It fails if that is a different device.
func (h *host) openNode(d *Device) error {
	fd, err := openTreeClone(unix.AT_FDCWD, path.Clean("/"+d.Path), false, true)
	if err != nil {
		return fmt.Errorf("open the host's device node for a bind mount: open_tree: %w", err)
	}
	st, err := fstat(fd)
	if err == nil {
		err = verifyNode(&st, d)
	}
	if err == nil {
		err = setPropagation(fd, unix.MS_PRIVATE)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("the host's device node: %w", err)
	}
	d.Tree = h.keep(fd, d.Path)
	return nil
}
