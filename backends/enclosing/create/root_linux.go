package create

import (
	"context"
	"fmt"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// openRoot opens the root, the sources of mounts and the device nodes on the host, and notes where
// the root will be mounted.
func (cr *creation) openRoot(context.Context) error {
	j := cr.job
	if !cr.tool.HostTree() {
		if err := cr.prep.openHostTree(j); err != nil {
			return err
		}
	}
	if err := cr.prep.openRoot(j); err != nil {
		return err
	}
	if err := findAttachment(j); err != nil {
		return err
	}
	return j.Save()
}

// openHostTree opens a copy of the host's mounts for hooks that run before the pivot. It is for an
// enclosure whose init has a root of its own. It does nothing if the init process does not enter
// that init's mount namespace.
func (p *preparation) openHostTree(j *enclosure.Job) (err error) {
	if !rootfs.SharedMountNamespace(j.Spec) && spec.HasHooks(j.Spec, spec.Prestart, spec.CreateRuntime, spec.CreateContainer) {
		p.hostTree, err = initproc.OpenHostTree()
	}
	return err
}

// openRoot opens the root and the sources of all mounts. With a user namespace it does so in the
// mount namespace of the init process.
func (p *preparation) openRoot(j *enclosure.Job) error {
	var o rootfs.Options
	if len(j.UIDMap) > 0 {
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", j.InitPid))
		if err != nil {
			return fmt.Errorf("open the mount namespace of the container's process: %w", err)
		}
		defer ns.Close()
		o.Namespace = ns
	}
	o.Namespaces = rootfs.Namespaces(j.Joined)
	var err error
	if f, ok := j.Joined[specs.CgroupNamespace]; ok {
		if o.HostCgroups, err = namespace.HostCgroups(f); err != nil {
			return err
		}
		if !o.HostCgroups {
			o.CgroupNamespace = f
		}
	}
	p.root, p.files, err = rootfs.Open(j.Spec, j.Bundle, o)
	return err
}

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
		return fmt.Errorf("look up the mount namespace: %w", err)
	}
	path, _ := spec.Namespace(j.Spec, specs.MountNamespace)
	j.Data.MountNamespace = &enclosure.JoinedMounts{Path: path, Inode: info.Sys().(*syscall.Stat_t).Ino}
	return nil
}
