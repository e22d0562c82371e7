package pct

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
)

// rootfs returns the directory that Proxmox VE gets as the CT's rootfs: the container's own, or a
// stand-in if pct cannot see the container's. podman mounts the root of a container with a user
// namespace where only berth sees it. The container does not notice the difference, because its
// process gets the real root as a descriptor.
func rootfs(j *enclosure.Job) string {
	if visible(j.Rootfs) {
		return j.Rootfs
	}
	return standIn(j.Container)
}

func standIn(c *backends.Container) string { return filepath.Join(c.Root, c.ID, "rootfs") }

// makeRootfs creates dir if it is a stand-in.
func makeRootfs(j *enclosure.Job, dir string) error {
	if dir == j.Rootfs {
		return nil
	}
	uid, _ := namespace.HostID(0, j.UIDMap)
	gid, _ := namespace.HostID(0, j.GIDMap)
	// LXC mounts on these directories as the container's root user.
	for _, d := range []string{dir, dir + "/dev", dir + "/proc", dir + "/sys"} {
		if err := os.Mkdir(d, 0o755); err != nil && !os.IsExist(err) {
			return fmt.Errorf("make the directory that Proxmox VE gets as root, as it cannot see %s: %w", j.Rootfs, err)
		}
		if err := os.Lchown(d, int(uid), int(gid)); err != nil {
			return fmt.Errorf("make the directory that Proxmox VE gets as root, as it cannot see %s: %w", j.Rootfs, err)
		}
	}
	return nil
}

// visible reports whether path is the same directory for the host's services as for berth.
func visible(path string) bool { return sameBelow("/proc/1/root", path) }

// sameBelow reports whether path is the same directory for a process as for berth. root is that
// process's link to its root directory in /proc.
func sameBelow(root, path string) bool {
	ours, err := os.Stat(path)
	if err != nil {
		return false
	}
	theirs, err := os.Stat(filepath.Join(root, path))
	if err != nil {
		return os.IsPermission(err) // unknown: assume that it is
	}
	a, ok1 := ours.Sys().(*syscall.Stat_t)
	b, ok2 := theirs.Sys().(*syscall.Stat_t)
	return ok1 && ok2 && a.Dev == b.Dev && a.Ino == b.Ino
}
