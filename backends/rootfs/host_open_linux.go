package rootfs

import (
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/spec"
)

// Options are the arguments of [Open] that the config does not contain.
type Options struct {
	// Namespace is the mount namespace in which sources are looked up; nil means the caller's. With
	// a user namespace it must be a mount namespace that the container's user namespace owns (the
	// init process makes a copy of the host's). The kernel then locks the flags that the sources
	// have on the host, and the container cannot clear them (mount_namespaces(7)).
	Namespace *os.File
	// HostCgroups is true if the config names the host's cgroup namespace by its path.
	HostCgroups bool
	// CgroupNamespace is the cgroup namespace that the config names by its path, unless it is the
	// host's. Open makes cgroup2 mounts in it, because a container with a user namespace may not.
	CgroupNamespace *os.File
	// Namespaces holds the namespaces that the config names by path, already open. Their paths are
	// not looked up again, because they may lead elsewhere by now.
	Namespaces Namespaces
}

// Open looks up on the host everything that the config's root, mounts and devices name there. It
// returns the plan for the container's side and the files that the plan refers to. Open changes
// nothing on the host. Relative paths are relative to bundle.
//
// The files are detached mounts. The caller closes them after it has handed them over. There may be
// more of them than fit in one message of a socket (SCM_MAX_FD, 253).
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

// host is the state of one call of Open.
type host struct {
	spec   *specs.Spec
	bundle string
	// namespaces is Options.Namespaces.
	namespaces Namespaces
	// hostCgroups is true if the container is in the host's cgroup namespace.
	hostCgroups bool
	// joinsCgroups is true if the container joins another existing cgroup namespace. The calling
	// thread has joined it, too.
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
		m, err := h.openMount(i)
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

// openRoot opens the root and everything mounted below it. The root's own mount becomes private, or
// a slave if the config wants one. Mounts that the container makes in it therefore do not appear on
// the host.
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

// inherit sets the propagation of a copy of host mounts. The copy gets the propagation it would
// have in a mount namespace whose "/" had been given linux.rootfsPropagation recursively (rslave if
// the config has none). The copy stays a peer of the host's mount only if the config asks for a
// shared root.
func (h *host) inherit(fd int) error {
	var want uint64
	if h.spec.Linux != nil {
		want = propagations[h.spec.Linux.RootfsPropagation]
	}
	changes := []uint64{unix.MS_SLAVE}
	switch {
	case want&unix.MS_SHARED != 0 && h.userns:
		changes = []uint64{unix.MS_SLAVE, unix.MS_SHARED} // not a peer of a mount of another user namespace
	case want == unix.MS_SHARED|unix.MS_REC:
		changes = []uint64{unix.MS_SHARED}
	case want == unix.MS_SHARED: // applies to the root mount only
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

// keep appends a descriptor to the result and returns its index.
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

// inNamespaces runs f on a separate thread that has joined the given mount and cgroup namespaces. A
// nil namespace is not joined.
func inNamespaces(mount, cgroup *os.File, f func() error) error {
	return osthread.Run(func() error {
		if err := osthread.Join(mount, unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := osthread.Join(cgroup, unix.CLONE_NEWCGROUP); err != nil {
			return err
		}
		return f()
	})
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

// hasUserNamespace reports whether the container is in a user namespace other than the initial one:
// a namespace from the config, or the one that berth runs in.
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
