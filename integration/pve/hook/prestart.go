//go:build linux

package hook

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/image"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/volume"
)

// SkipLock returns the path of the flag file of `pct start --skiplock`.
func SkipLock(id string) string { return "/run/lxc/skiplock-" + id }

// preStart mounts the container's root. It runs in the mount namespace of LXC's monitor
// (lxc.monitor.unshare), so the mounts do not show on the host.
func preStart(c *call) error {
	_ = os.WriteFile(c.host.Path(lxc.StartingMark(c.id)), nil, 0o644)
	host.Spend(c.host.Settings.Latency.PreStart)

	skipLock := os.Remove(c.host.Path(SkipLock(c.id))) == nil
	if err := c.cluster.CheckQuorum(); err != nil {
		return err
	}
	conf, ok, err := c.load()
	if !ok {
		return err
	}
	if lock := conf.Values["lock"]; lock != "" && lock != "mounted" && !skipLock {
		return failure.New("CT is locked (%s)", lock)
	}
	if err := lxc.RemoveCgroups(c.id); err != nil {
		return err
	}
	directory := filepath.Join(c.host.LXCPath(), c.id)
	_ = os.Remove(directory + "/reboot")
	volume.UnmountAll(c.rootfs)
	if err := volume.MountAll(c.host, &conf.Section, c.rootfs); err != nil {
		return err
	}
	devices, err := lxc.Devices(&conf.Section)
	if err != nil {
		return err
	}
	if err := passThrough(directory+"/passthrough", devices); err != nil {
		return err
	}
	return image.Configure(c.rootfs, &conf.Section, c.id)
}

// deviceList is the file that names the devices for the autodev hook. That hook runs in the
// container's namespaces, with the container's host name, and cannot read the node's
// configurations.
const deviceList = "devices"

// passThrough creates the device nodes that the autodev hook bind-mounts into the container.
func passThrough(directory string, devices []lxc.Device) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("none", directory, "tmpfs", 0, "size=8k"); err != nil {
		return failure.New("Could not mount tmpfs for device passthrough at %s: %v", directory, err)
	}
	list := ""
	for _, d := range devices {
		list += d.String() + "\n"
		path := directory + d.Path
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		kind := uint32(unix.S_IFCHR)
		if d.Block {
			kind = unix.S_IFBLK
		}
		if err := unix.Mknod(path, kind|d.Mode, int(d.Number)); err != nil {
			return failure.New("failed to mknod %s: %v", path, err)
		}
		if err := os.Chmod(path, os.FileMode(d.Mode)); err != nil {
			return err
		}
		if err := os.Chown(path, d.UID, d.GID); err != nil {
			return err
		}
	}
	return os.WriteFile(directory+"/"+deviceList, []byte(list), 0o644)
}
