package rootfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// idmap maps the ids of a bind mount (mount_setattr(2), MOUNT_ATTR_IDMAP) if the config asks for
// it. It uses the mount's own mappings or, without any, the container's.
func (h *host) idmap(m *specs.Mount, o options, fd int) error {
	if !isIDMapped(m, o) {
		return nil
	}
	ns, err := h.idmapNamespace(m)
	if err != nil {
		return fmt.Errorf("map the ids of the mount: %w", err)
	}
	defer ns.Close()
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())}
	err = mountSetattr(fd, &attr, o.ridmap)
	runtime.KeepAlive(ns)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("map the ids of the mount (the source's file system may not support it): mount_setattr: %w", err)
	}
	return err
}

func (h *host) idmapNamespace(m *specs.Mount) (*os.File, error) {
	uids, gids := m.UIDMappings, m.GIDMappings
	if uids == nil && gids == nil && h.spec.Linux != nil {
		if f := h.namespaces[specs.UserNamespace]; f != nil {
			return reopen(f)
		}
		uids, gids = h.spec.Linux.UIDMappings, h.spec.Linux.GIDMappings
	}
	if len(uids) == 0 || len(gids) == 0 {
		return nil, errors.New("id-mapped mounts must have both uid and gid mappings specified")
	}
	return newUserNamespace(uids, gids)
}

// reopen returns a duplicate of an open file (F_DUPFD_CLOEXEC).
func reopen(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// newUserNamespace makes a user namespace with the given mappings. A user namespace needs a process
// to be created with: it is stopped by ptrace at its exec, before its first instruction, and killed
// once the namespace is open.
func newUserNamespace(uids, gids []specs.LinuxIDMapping) (*os.File, error) {
	runtime.LockOSThread() // ptrace is bound to the thread
	defer runtime.UnlockOSThread()
	p, err := os.StartProcess("/proc/self/exe", []string{"userns"}, &os.ProcAttr{
		Dir: "/",
		Env: []string{},
		Sys: &syscall.SysProcAttr{
			Cloneflags:                 unix.CLONE_NEWUSER,
			UidMappings:                sysMappings(uids),
			GidMappings:                sysMappings(gids),
			GidMappingsEnableSetgroups: true,
			Ptrace:                     true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make user namespace: %w", err)
	}
	defer func() {
		_ = p.Kill()
		_, _ = p.Wait()
	}()
	return os.Open(fmt.Sprintf("/proc/%d/ns/user", p.Pid))
}

func sysMappings(maps []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	out := make([]syscall.SysProcIDMap, 0, len(maps))
	for _, m := range maps {
		out = append(out, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return out
}
