package enclosing

import (
	"fmt"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// findAttachment notes where the root will be mounted, if the container shares its mount namespace.
func findAttachment(j *enclosure.Job) error {
	if !rootfs.SharedMountNamespace(j.Spec) {
		return nil
	}
	ns := j.Joined[specs.MountNamespace]
	a, err := rootfs.FindAttachment(ns, j.Rootfs)
	if err != nil {
		return err
	}
	j.Data.Attachment = &a
	if ns == nil {
		return nil
	}
	info, err := ns.Stat()
	if err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	path, _ := spec.Namespace(j.Spec, specs.MountNamespace)
	j.Data.MountNamespace = &enclosure.JoinedMounts{Path: path, Inode: info.Sys().(*syscall.Stat_t).Ino}
	return nil
}

// detach unmounts the root from a shared mount namespace. If the path of a joined namespace no
// longer leads to it, detach leaves the namespace alone: it has ended, or only others use it.
func detach(d *enclosure.Data) error {
	if d.Attachment == nil {
		return nil
	}
	var ns *os.File
	if m := d.MountNamespace; m != nil {
		f, err := namespace.Open(m.Path, unix.CLONE_NEWNS)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || info.Sys().(*syscall.Stat_t).Ino != m.Inode {
			return err
		}
		ns = f
	}
	return d.Attachment.Detach(ns)
}
