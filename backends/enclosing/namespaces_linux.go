package enclosing

import (
	"errors"
	"fmt"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// cloneFlags maps the types of namespaces to the kernel's flags.
var cloneFlags = map[specs.LinuxNamespaceType]int{
	specs.PIDNamespace:     unix.CLONE_NEWPID,
	specs.UserNamespace:    unix.CLONE_NEWUSER,
	specs.NetworkNamespace: unix.CLONE_NEWNET,
	specs.IPCNamespace:     unix.CLONE_NEWIPC,
	specs.UTSNamespace:     unix.CLONE_NEWUTS,
	specs.CgroupNamespace:  unix.CLONE_NEWCGROUP,
	specs.TimeNamespace:    unix.CLONE_NEWTIME,
	specs.MountNamespace:   unix.CLONE_NEWNS,
}

// namespaces holds the namespaces that config.json names by path. They are open, so that what is
// joined is what was checked.
type namespaces map[specs.LinuxNamespaceType]*os.File

func openNamespaces(s *specs.Spec) (namespaces, error) {
	open := namespaces{}
	for i, ns := range s.Linux.Namespaces {
		flag, known := cloneFlags[ns.Type]
		if ns.Path == "" || !known {
			continue
		}
		f, err := openNamespace(ns.Path, flag)
		if err != nil {
			open.close()
			return nil, spec.Fieldf(fmt.Sprintf("linux.namespaces[%d].path", i), "%s for a namespace of type %s: %w", ns.Path, ns.Type, err)
		}
		open[ns.Type] = f
	}
	return open, nil
}

var (
	errNoNamespace = errors.New("it is no namespace")
	errWrongType   = errors.New("it is a namespace of another type")
)

// openNamespace opens a namespace of the given type (ioctl_nsfs(2)). It checks the file with O_PATH
// first, because other files, such as a device or a FIFO, must not be opened.
func openNamespace(path string, flag int) (*os.File, error) {
	look, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(look)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(look, &fs); err != nil {
		return nil, err
	}
	if fs.Type != unix.NSFS_MAGIC {
		return nil, errNoNamespace
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", look), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err == nil && kind != flag {
		err = errWrongType
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// firstCgroups is the inode of the kernel's initial cgroup namespace (PROC_CGROUP_INIT_INO in
// linux/proc_ns.h).
const firstCgroups = 0xeffffffb

// hostCgroups reports whether a cgroup namespace is berth's own or the kernel's initial one.
func hostCgroups(ns *os.File) (bool, error) {
	theirs, err1 := ns.Stat()
	own, err2 := os.Stat("/proc/self/ns/cgroup")
	var st unix.Stat_t
	if err := errors.Join(err1, err2, unix.Fstat(int(ns.Fd()), &st)); err != nil {
		return false, fmt.Errorf("cgroup namespace: %w", err)
	}
	return os.SameFile(theirs, own) || st.Ino == firstCgroups, nil
}

// path returns a path by which other processes find the namespace as long as this process lives. It
// is "" if config.json does not name the namespace by path.
func (n namespaces) path(t specs.LinuxNamespaceType) string {
	f, ok := n[t]
	if !ok {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd())
}

func (n namespaces) close() {
	for _, f := range n {
		f.Close()
	}
}

// Namespace is like spec.Namespace, but its path leads to the namespace that was checked. The path
// is valid until Create has ended. For Explain it is the path in config.json.
func (j *Job) Namespace(t specs.LinuxNamespaceType) (path string, kind spec.NamespaceKind) {
	path, kind = spec.Namespace(j.Spec, t)
	if kind == spec.Path && j.namespaces != nil {
		path = j.namespaces.path(t)
	}
	return path, kind
}

// namespaceFiles are the names below /proc/PID/ns (namespaces(7)) of the types of namespaces that
// berth can join before it forks the container's process.
var namespaceFiles = map[specs.LinuxNamespaceType]string{
	specs.NetworkNamespace: "net",
	specs.IPCNamespace:     "ipc",
	specs.UTSNamespace:     "uts",
	specs.CgroupNamespace:  "cgroup",
}

// findJoinedBeforeFork notes which of the namespaces with a path in config.json berth has to join
// before it forks the container's process. A process in a user namespace can only join namespaces
// that belong to that user namespace (setns(2)), and LXC joins the user namespace first.
// config-linux.md wants the other namespaces joined all the same.
func (j *Job) findJoinedBeforeFork() error {
	_, kind := spec.Namespace(j.Spec, specs.UserNamespace)
	if kind == spec.Host {
		return nil
	}
	for _, t := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace} {
		ns, named := j.namespaces[t]
		if !named {
			continue
		}
		own, err := belongs(ns, j.namespaces[specs.UserNamespace])
		if err != nil {
			return spec.Fieldf("linux.namespaces", "the user namespace that %s belongs to: %w", ns.Name(), err)
		}
		if !own {
			j.Data.JoinedBeforeFork = append(j.Data.JoinedBeforeFork, t)
		}
	}
	return nil
}

// belongs reports whether a namespace belongs to the user namespace user (ioctl_nsfs(2)). user is
// nil if it does not exist yet. Nothing belongs to it then.
func belongs(ns, user *os.File) (bool, error) {
	if user == nil {
		return false, nil
	}
	fd, err := unix.IoctlRetInt(int(ns.Fd()), unix.NS_GET_USERNS)
	if errors.Is(err, unix.EPERM) {
		return false, nil // berth cannot see the owner, so it is not below berth's own
	}
	if err != nil {
		return false, err
	}
	owner := os.NewFile(uintptr(fd), "user namespace")
	defer owner.Close()
	a, err1 := owner.Stat()
	b, err2 := user.Stat()
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	return os.SameFile(a, b), nil
}

// JoinedBeforeFork reports whether berth joins an existing namespace before it forks the
// container's process. The enclosure must not join it then. This is always so for a cgroup
// namespace with a path, because LXC would make a new one.
func (j *Job) JoinedBeforeFork(t specs.LinuxNamespaceType) bool {
	if _, kind := spec.Namespace(j.Spec, t); kind != spec.Path || namespaceFiles[t] == "" {
		return false
	}
	if t == specs.CgroupNamespace {
		return true
	}
	if j.namespaces == nil { // for Explain: nothing belongs to a new user namespace yet
		_, user := spec.Namespace(j.Spec, specs.UserNamespace)
		return user == spec.New
	}
	return slices.Contains(j.Data.JoinedBeforeFork, t)
}
