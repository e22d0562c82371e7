package create

import (
	"fmt"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
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
