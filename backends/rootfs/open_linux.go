package rootfs

import (
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// Options are what [Open] needs to know beside the config.
type Options struct {
	// Namespace is the mount namespace in which sources are looked up; nil means the caller's. With
	// a user namespace it has to be one that the container's user namespace owns (a copy of the
	// host's, made by the init process): then the kernel locks the flags that sources have on the host, and
	// the container cannot take them off again (mount_namespaces(7)).
	Namespace *os.File
	// HostCgroups says that the cgroup namespace that the config names by its path is the host's.
	HostCgroups bool
	// CgroupNamespace is the one that the config names by its path, if it is not the host's: a mount
	// of cgroup2 is made in it here, for in a user namespace there would be no right to.
	CgroupNamespace *os.File
	// Namespaces are the ones that the config names by their paths, open. The paths are not looked up
	// again: they may lead elsewhere by now.
	Namespaces Namespaces
}

// Open looks up, on the host, everything that the config's root, mounts and devices name there, and
// returns what is to be done in the container. It changes nothing on the host. The files are detached
// mounts; the caller closes them when they have been handed over, and they may be more than fit in
// one message of a socket (SCM_MAX_FD, 253). Relative paths are relative to the bundle.
func Open(s *specs.Spec, bundle string, o Options) (*Plan, []*os.File, error) {
	bundle, err := filepath.Abs(bundle)
	if err != nil {
		return nil, nil, fmt.Errorf("bundle %q: %w", bundle, err)
	}
	if refused := Unsupported(s); len(refused) > 0 {
		return nil, nil, spec.Fieldf(refused[0].Path, "%s", refused[0].Reason)
	}
	h := host{
		spec: s, bundle: bundle, namespaces: o.Namespaces, userns: hasUserNamespace(s),
		hostCgroups: o.HostCgroups || !hasNamespace(s, specs.CgroupNamespace), joinsCgroups: o.CgroupNamespace != nil,
	}
	if o.Namespace == nil && o.CgroupNamespace == nil {
		err = h.open()
	} else {
		err = inNamespaces(o.Namespace, o.CgroupNamespace, h.open)
	}
	if err != nil {
		h.close()
		return nil, nil, err
	}
	return &h.plan, h.files, nil
}

// host is the work of Open.
type host struct {
	spec   *specs.Spec
	bundle string
	// namespaces are as in Options.
	namespaces Namespaces
	// hostCgroups says that the container is in the host's cgroup namespace.
	hostCgroups bool
	// joinsCgroups says that it is in another one that exists, and so is this thread.
	joinsCgroups bool
	userns       bool
	plan         Plan
	files        []*os.File
}

func (h *host) open() error {
	if err := h.openRoot(); err != nil {
		return err
	}
	for i := range h.spec.Mounts {
		m, err := h.openMount(&h.spec.Mounts[i])
		if err != nil {
			return &spec.FieldError{Path: fmt.Sprintf("mounts[%d]", i), Value: h.spec.Mounts[i].Destination, Err: err}
		}
		m.Index = i
		h.plan.Mounts = append(h.plan.Mounts, m)
	}
	if err := h.openDevices(); err != nil {
		return err
	}
	if p := h.spec.Process; p != nil {
		h.plan.Cwd = p.Cwd
	}
	l := h.spec.Linux
	if l == nil {
		return nil
	}
	if err := checkNames(h.spec, h.namespaces); err != nil {
		return err
	}
	h.plan.MaskedPaths, h.plan.ReadonlyPaths, h.plan.MountLabel = l.MaskedPaths, l.ReadonlyPaths, l.MountLabel
	var err error
	h.plan.Sysctls, err = planSysctls(h.spec, h.namespaces)
	return err
}

// openRoot opens the root with all that is mounted below it. Its own mount is private (or a slave,
// where the config wants one), so that nothing done in it shows on the host.
func (h *host) openRoot() error {
	path := h.abs(h.spec.Root.Path)
	fd, err := openTreeClone(unix.AT_FDCWD, path, true, true)
	if err != nil {
		return spec.Fieldf("root.path", "invalid rootfs %q: open_tree: %w", path, err)
	}
	h.plan.Root = h.keep(fd, path)
	h.plan.RootReadonly, h.plan.SharedMountNamespace = h.spec.Root.Readonly, SharedMountNamespace(h.spec)
	st, err := fstat(fd)
	if err != nil {
		return &spec.FieldError{Path: "root.path", Err: err}
	}
	if !isType(st.Mode, unix.S_IFDIR) {
		return spec.Fieldf("root.path", "invalid rootfs %q: %w", path, unix.ENOTDIR)
	}
	var want uint64
	if h.spec.Linux != nil {
		want = propagations[h.spec.Linux.RootfsPropagation]
	}
	top := uint64(unix.MS_PRIVATE)
	if want&unix.MS_SLAVE != 0 {
		top = unix.MS_SLAVE
	}
	if want != 0 && (h.plan.SharedMountNamespace || want&(unix.MS_SLAVE|unix.MS_PRIVATE) == 0) {
		h.plan.RootPropagation = want
	}
	if err := h.inherit(fd); err != nil {
		return &spec.FieldError{Path: "root.path", Err: err}
	}
	if err := setPropagation(fd, top); err != nil {
		return spec.Fieldf("root.path", "set propagation: %w", err)
	}
	return nil
}

// inherit gives a copy of host mounts the propagation that it would have in a mount namespace whose
// "/" had been given linux.rootfsPropagation recursively (rslave when there is none). Only where the
// config asks for a shared root does a copy stay a peer of the host's mount.
func (h *host) inherit(fd int) error {
	var want uint64
	if h.spec.Linux != nil {
		want = propagations[h.spec.Linux.RootfsPropagation]
	}
	changes := []uint64{unix.MS_SLAVE}
	switch {
	case want&unix.MS_SHARED != 0 && h.userns:
		changes = []uint64{unix.MS_SLAVE, unix.MS_SHARED} // never a peer across user namespaces
	case want == unix.MS_SHARED|unix.MS_REC:
		changes = []uint64{unix.MS_SHARED}
	case want == unix.MS_SHARED: // of the root alone
		changes = nil
	case want&unix.MS_PRIVATE != 0:
		changes = []uint64{unix.MS_PRIVATE}
	}
	for _, change := range changes {
		if err := setPropagation(fd, change|unix.MS_REC); err != nil {
			return fmt.Errorf("set propagation: %w", err)
		}
	}
	return nil
}

// keep takes a descriptor into the result and returns its index.
func (h *host) keep(fd int, name string) int {
	h.files = append(h.files, os.NewFile(uintptr(fd), name))
	return len(h.files) - 1
}

func (h *host) close() {
	for _, f := range h.files {
		f.Close()
	}
}

func (h *host) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(h.bundle, path)
}

// inNamespaces runs f on a thread of its own that has joined a mount and a cgroup namespace, if they
// are not nil.
func inNamespaces(mount, cgroup *os.File, f func() error) error {
	var err error
	process.OnThread(func() {
		err = func() error {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return fmt.Errorf("unshare(CLONE_FS): %w", err)
			}
			for _, ns := range []struct {
				file *os.File
				kind string
				flag int
			}{{mount, "mount", unix.CLONE_NEWNS}, {cgroup, "cgroup", unix.CLONE_NEWCGROUP}} {
				if ns.file == nil {
					continue
				}
				if err := unix.Setns(int(ns.file.Fd()), ns.flag); err != nil {
					return fmt.Errorf("join %s namespace %s: %w", ns.kind, ns.file.Name(), err)
				}
			}
			return f()
		}()
	})
	return err
}

func hasNamespace(s *specs.Spec, typ specs.LinuxNamespaceType) bool {
	if s.Linux != nil {
		for _, ns := range s.Linux.Namespaces {
			if ns.Type == typ {
				return true
			}
		}
	}
	return false
}

// hasUserNamespace tells whether the container is in a user namespace other than the first: its own,
// or the one that we are in.
func hasUserNamespace(s *specs.Spec) bool {
	if hasNamespace(s, specs.UserNamespace) {
		return true
	}
	var inside, length, outside uint64
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	_, err = fmt.Sscan(string(data), &inside, &outside, &length)
	return err == nil && (inside != 0 || outside != 0 || length != 1<<32-1)
}
