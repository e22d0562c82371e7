package rootfs

import (
	"errors"
	"fmt"
	"path"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// cgroupRoot is where a host with cgroup v2 alone has it (cgroups(7)).
const cgroupRoot = "/sys/fs/cgroup"

// insideTypes are the file systems whose content depends on the namespaces of who mounts them, and
// that name nothing on the host: they are made in the container. All others are made on the host,
// where their sources and options mean what the config means, unless a user namespace is to own them.
var insideTypes = map[string]bool{
	"binder": true, "binfmt_misc": true, "bpf": true, "cgroup": true, "cgroup2": true, "devpts": true,
	"mqueue": true, "proc": true, "ramfs": true, "rpc_pipefs": true, "sysfs": true, "tmpfs": true,
}

// planMount is what can be said of a mount without a look at the host.
func (h *host) planMount(m *specs.Mount) (Mount, options) {
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

// openMount plans one mount and opens what it needs from the host.
func (h *host) openMount(m *specs.Mount) (Mount, error) {
	plan, o := h.planMount(m)
	switch {
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

// hostMade tells whether a new file system is made on the host, not in the container.
func (h *host) hostMade(m *specs.Mount) bool {
	return !insideTypes[m.Type] && (!h.userns || m.Type == "overlay")
}

// isBind tells whether a mount copies existing ones. The spec says it by an option; the type, which it
// calls a dummy then, is enough for us.
func isBind(m *specs.Mount, o options) bool { return o.flags&unix.MS_BIND != 0 || m.Type == "bind" }

// openBind opens the source of a bind mount and gives it all its flags.
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
	if err := setBindFlags(fd, o); err != nil {
		return fmt.Errorf("set mount flags: %w", err)
	}
	return finishTree(fd, plan)
}

func readLinkAt(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(name, buf)
	if err == nil && n == len(buf) {
		err = unix.ENAMETOOLONG
	}
	return string(buf[:max(n, 0)]), err
}

// finishTree applies what mounts of every kind have in common: the recursive flags, then the changes of
// propagation in their order.
func finishTree(fd int, plan *Mount) error {
	if plan.RecSet|plan.RecClear != 0 {
		if err := setAttr(fd, plan.RecSet, plan.RecClear, true); err != nil {
			return fmt.Errorf("set recursive flags: %w", err)
		}
	}
	for _, p := range plan.Propagation {
		if err := setPropagation(fd, p); err != nil {
			return fmt.Errorf("set propagation: %w", err)
		}
	}
	return nil
}

// setBindFlags does what "mount --bind -o FLAGS" is meant to do: the copy has the flags that were asked
// for and no others, but keeps its own where none was asked for, its access time flags where none of
// those was, and those that the kernel has locked.
func setBindFlags(fd int, o options) error {
	if o.flags&^(unix.MS_BIND|unix.MS_REC|unix.MS_REMOUNT) == 0 && o.cleared == 0 {
		return nil
	}
	var clear uint64 = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV |
		unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW
	if o.flags&atimeFlags != 0 {
		clear |= unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	}
	err := setAttr(fd, attrOf(o.flags), clear, false)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	have, statErr := flagsOf(fd)
	if statErr != nil {
		return statErr
	}
	if locked := have & o.cleared & lockFlags; locked != 0 {
		return fmt.Errorf("cannot clear locked flags %#x: %w", locked, err)
	}
	if o.flags&atimeFlags != 0 && o.flags&atimeFlags != have&atimeFlags {
		return fmt.Errorf("cannot change locked access time flags %#x: %w", have&atimeFlags, err)
	}
	const atime = unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	return setAttr(fd, attrOf(o.flags|have&lockFlags)&^atime, clear&^atime, false)
}

// flagsOf reads a mount's flags as MS_* (statfs(2)); strictatime is the absence of the others.
func flagsOf(fd int) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return 0, fmt.Errorf("fstatfs: %w", err)
	}
	const nosymfollow = 0x2000 // ST_NOSYMFOLLOW, which x/sys has no name for
	var flags uint64
	for _, f := range []struct{ st, ms uint64 }{
		{unix.ST_RDONLY, unix.MS_RDONLY}, {unix.ST_NOSUID, unix.MS_NOSUID},
		{unix.ST_NODEV, unix.MS_NODEV}, {unix.ST_NOEXEC, unix.MS_NOEXEC},
		{unix.ST_NOATIME, unix.MS_NOATIME}, {unix.ST_NODIRATIME, unix.MS_NODIRATIME},
		{unix.ST_RELATIME, unix.MS_RELATIME}, {nosymfollow, unix.MS_NOSYMFOLLOW},
	} {
		if uint64(st.Flags)&f.st != 0 {
			flags |= f.ms
		}
	}
	if flags&(unix.MS_NOATIME|unix.MS_RELATIME) == 0 {
		flags |= unix.MS_STRICTATIME
	}
	return flags, nil
}

// openCgroup opens what a cgroup2 mount needs from the host. Without a cgroup namespace of its own the
// container gets a copy of the host's mount, never a new one: a new one made in the first cgroup
// namespace would change the options (nsdelegate …) of the host's.
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
	if err := setBindFlags(fd, o); err != nil {
		return fmt.Errorf("set mount flags: %w", err)
	}
	return finishTree(fd, plan)
}

// openHostMade makes a new file system on the host.
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

// withLabel adds the SELinux context of linux.mountLabel to a file system's options,
// where that is the container's alone: not what has labels of its own by file, and
// not the cgroups, as under runc.
func withLabel(typ, label string, params []Param) []Param {
	if label == "" || slices.Contains([]string{"proc", "sysfs", "mqueue", "cgroup", "cgroup2"}, typ) {
		return params
	}
	return append(params[:len(params):len(params)], Param{Key: "context", Value: label})
}
