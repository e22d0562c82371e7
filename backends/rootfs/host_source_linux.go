package rootfs

import (
	"fmt"
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// cgroupRoot is the cgroup2 mount point of a host with cgroup v2 only (cgroups(7)).
const cgroupRoot = "/sys/fs/cgroup"

// insideTypes are the file systems that are mounted inside the container: their content depends on
// the namespaces of the process that mounts them, and their sources and options name nothing on the
// host. All other file systems are mounted on the host, where their sources and options mean what
// the config means, unless a user namespace has to own them.
var insideTypes = map[string]bool{
	"binder": true, "binfmt_misc": true, "bpf": true, "cgroup": true, "cgroup2": true, "devpts": true,
	"mqueue": true, "proc": true, "ramfs": true, "rpc_pipefs": true, "sysfs": true, "tmpfs": true,
}

// planMount plans the mount with index i as far as possible without looking at the host.
func (h *host) planMount(i int) (Mount, options) {
	m := &h.spec.Mounts[i]
	o := parseOptions(m.Options)
	plan := Mount{
		Destination: m.Destination,
		Type:        m.Type,
		Source:      m.Source,
		Tree:        None,
		Propagation: o.propagation,
		RecSet:      o.recSet,
		RecClear:    o.recClear,
		CopyUp:      o.copyUp,
		NoFollow:    o.targetNoFollow,
	}
	if isBind(m, o) {
		plan.Type, plan.Source = "bind", h.abs(m.Source)
		if inside := spec.SourceInRoot(h.abs(h.spec.Root.Path), plan.Source, o.flags&unix.MS_REC != 0, h.spec.Mounts[:i]); inside != "" && !o.copySymlink {
			plan.Inside = &Inside{Path: inside, NoFollow: o.sourceNoFollow, Flags: o.flags, Cleared: o.cleared}
		}
		return plan, o
	}
	plan.LateRO = o.flags&unix.MS_RDONLY != 0 && (m.Type == "tmpfs" || path.Clean("/"+m.Destination) == "/dev")
	if plan.LateRO {
		o.flags &^= unix.MS_RDONLY
	}
	plan.Attr = attrOf(o.flags)
	plan.Options = append(superblockParams(o.flags), o.data...)
	if m.Type == "cgroup" {
		plan.Type = "cgroup2"
	}
	return plan, o
}

// openMount plans the mount with index i and opens the host files that it needs.
func (h *host) openMount(i int) (Mount, error) {
	m := &h.spec.Mounts[i]
	plan, o := h.planMount(i)
	switch {
	case plan.Inside != nil:
		if isIDMapped(m, o) {
			return plan, fmt.Errorf("source %q is in an earlier mount of the config: such a source cannot be id-mapped", plan.Source)
		}
		return plan, nil
	case isBind(m, o):
		return plan, h.openBind(m, o, &plan)
	case plan.Type == "cgroup2" && h.joinsCgroups:
		return plan, h.openHostMade(o, &plan)
	case plan.Type == "cgroup2":
		return plan, h.openCgroup(o, &plan)
	case h.hostMade(m):
		return plan, h.openHostMade(o, &plan)
	}
	return plan, nil
}

// hostMade reports whether a new file system is mounted on the host instead of in the container.
func (h *host) hostMade(m *specs.Mount) bool {
	return !insideTypes[m.Type] && (!h.userns || m.Type == "overlay")
}

// isBind reports whether a mount is a bind mount. The spec marks it with the option bind or rbind
// and calls the type a dummy then. berth accepts type "bind" without the option.
func isBind(m *specs.Mount, o options) bool { return o.flags&unix.MS_BIND != 0 || m.Type == "bind" }

// isIDMapped reports whether the config wants a mount to be ID-mapped.
func isIDMapped(m *specs.Mount, o options) bool {
	return o.idmap || m.UIDMappings != nil || m.GIDMappings != nil
}

// openBind opens the source of a bind mount and sets all its flags.
func (h *host) openBind(m *specs.Mount, o options, plan *Mount) error {
	source := plan.Source
	if o.copySymlink {
		if target, err := readLinkAt(source); err == nil {
			plan.Symlink = target
			return nil
		}
	}
	fd, err := openTreeClone(unix.AT_FDCWD, source, o.flags&unix.MS_REC != 0, !o.sourceNoFollow)
	if err != nil {
		return fmt.Errorf("source %q: open_tree: %w", source, err)
	}
	plan.Tree = h.keep(fd, source)
	if err := h.inherit(fd); err != nil {
		return err
	}
	if err := h.idmap(m, o, fd); err != nil {
		return err
	}
	return finishBind(fd, o, plan)
}

func readLinkAt(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(name, buf)
	if err == nil && n == len(buf) {
		err = unix.ENAMETOOLONG
	}
	return string(buf[:max(n, 0)]), err
}

// openCgroup opens what a cgroup2 mount needs from the host. A container in the host's cgroup
// namespace gets a copy of the host's mount. A new cgroup2 mount made in the initial cgroup
// namespace would change the options of the host's mount (nsdelegate, …).
func (h *host) openCgroup(o options, plan *Mount) error {
	if !h.hostCgroups {
		return nil
	}
	fd, err := openTreeClone(unix.AT_FDCWD, cgroupRoot, true, true)
	if err != nil {
		return fmt.Errorf("%s: open_tree: %w", cgroupRoot, err)
	}
	plan.Tree = h.keep(fd, cgroupRoot)
	if err := setPropagation(fd, unix.MS_PRIVATE|unix.MS_REC); err != nil {
		return err
	}
	return finishBind(fd, o, plan)
}

// openHostMade mounts a new file system on the host.
func (h *host) openHostMade(o options, plan *Mount) error {
	var fd int
	var err error
	label := ""
	if h.spec.Linux != nil {
		label = h.spec.Linux.MountLabel
	}
	if needsOldMount(o, plan) {
		fd, err = oldMount(h.bundle, plan.Type, plan.Source, o.flags, withLabel(plan.Type, label, o.data))
	} else {
		fd, err = newFilesystem(plan.Type, plan.Source, withLabel(plan.Type, label, plan.Options), plan.Attr)
	}
	if err != nil {
		return err
	}
	plan.Tree = h.keep(fd, plan.Type)
	return finishTree(fd, plan)
}
