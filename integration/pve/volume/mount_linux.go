package volume

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// MountAll mounts a container's volumes below root, in the caller's mount namespace.
func MountAll(h *host.Host, conf *ctconf.Section, root string) error {
	mounts, err := conf.Mounts()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for _, m := range mounts {
		if err := mountOne(h, m, root); err != nil {
			return err
		}
	}
	return nil
}

func mountOne(h *host.Host, m *ctconf.Mount, root string) error {
	source, err := Open(h, m)
	if err != nil {
		return err
	}
	defer source.Close()
	target := root
	if m.Key != "rootfs" {
		if target, err = Inside(root, m.Target); err != nil {
			return err
		}
	}
	return Bind(source, target, m.Parts["ro"] == "1")
}

// Open opens the directory of a mount. The stand-in knows only directories of the host and volumes
// that are directories.
func Open(h *host.Host, m *ctconf.Mount) (*os.File, error) {
	switch m.Kind() {
	case ctconf.Bind:
		return OpenDirectory(h, m.Volume)
	case ctconf.Volume:
		path, err := Path(h, m.Volume)
		if err != nil {
			return nil, err
		}
		return OpenDirectory(h, path)
	}
	return nil, failure.New("unsupported storage: the stand-in mounts directories only, not '%s'", m.Volume)
}

// UnmountAll unmounts everything at and below root.
func UnmountAll(root string) {
	for unix.Unmount(root, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
	}
}
