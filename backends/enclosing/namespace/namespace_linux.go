// Package namespace opens the namespaces that config.json names by path, and knows the ID maps of
// user namespaces.
package namespace

import (
	"errors"
	"fmt"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/spec"
)

// CloneFlags maps the types of namespaces to the kernel's flags.
var CloneFlags = map[specs.LinuxNamespaceType]int{
	specs.PIDNamespace:     unix.CLONE_NEWPID,
	specs.UserNamespace:    unix.CLONE_NEWUSER,
	specs.NetworkNamespace: unix.CLONE_NEWNET,
	specs.IPCNamespace:     unix.CLONE_NEWIPC,
	specs.UTSNamespace:     unix.CLONE_NEWUTS,
	specs.CgroupNamespace:  unix.CLONE_NEWCGROUP,
	specs.TimeNamespace:    unix.CLONE_NEWTIME,
	specs.MountNamespace:   unix.CLONE_NEWNS,
}

// Opened holds the namespaces that config.json names by path. They are open, so that what is joined
// is what was checked.
type Opened map[specs.LinuxNamespaceType]*os.File

// OpenAll opens the namespaces that config.json names by path. Errors name the JSON path.
func OpenAll(s *specs.Spec) (Opened, error) {
	open := Opened{}
	for i, ns := range s.Linux.Namespaces {
		flag, known := CloneFlags[ns.Type]
		if ns.Path == "" || !known {
			continue
		}
		f, err := Open(ns.Path, flag)
		if err != nil {
			open.Close()
			return nil, spec.Fieldf(fmt.Sprintf("linux.namespaces[%d].path", i), "%s for a namespace of type %s: %w", ns.Path, ns.Type, err)
		}
		open[ns.Type] = f
	}
	return open, nil
}

var (
	errNoNamespace = errors.New("it is not a namespace")
	errWrongType   = errors.New("it is a namespace of another type")
)

// Open opens a namespace of the given type (ioctl_nsfs(2)). It checks the file with O_PATH
// first, because other files, such as a device or a FIFO, must not be opened.
func Open(path string, flag int) (*os.File, error) {
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

// HostCgroups reports whether a cgroup namespace is berth's own or the kernel's initial one.
func HostCgroups(ns *os.File) (bool, error) {
	theirs, err1 := ns.Stat()
	own, err2 := os.Stat("/proc/self/ns/cgroup")
	var st unix.Stat_t
	if err := errors.Join(err1, err2, unix.Fstat(int(ns.Fd()), &st)); err != nil {
		return false, fmt.Errorf("look up the cgroup namespace: %w", err)
	}
	return os.SameFile(theirs, own) || st.Ino == firstCgroups, nil
}

// Path returns a path by which other processes find the namespace as long as this process lives. It
// is "" if config.json does not name the namespace by path.
func (n Opened) Path(t specs.LinuxNamespaceType) string {
	f, ok := n[t]
	if !ok {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd())
}

// Close closes them.
func (n Opened) Close() {
	for _, f := range n {
		f.Close()
	}
}

// Files are the names of the types of namespaces below /proc/PID/ns (namespaces(7)).
var Files = map[specs.LinuxNamespaceType]string{
	specs.PIDNamespace:     "pid",
	specs.UserNamespace:    "user",
	specs.NetworkNamespace: "net",
	specs.IPCNamespace:     "ipc",
	specs.UTSNamespace:     "uts",
	specs.CgroupNamespace:  "cgroup",
	specs.TimeNamespace:    "time",
	specs.MountNamespace:   "mnt",
}

// Joinable are the types of namespaces that berth can join before it forks the container's process.
var Joinable = []specs.LinuxNamespaceType{specs.IPCNamespace, specs.UTSNamespace, specs.NetworkNamespace, specs.CgroupNamespace}

// Belongs reports whether a namespace belongs to the user namespace user (ioctl_nsfs(2)). user is
// nil if it does not exist yet. Nothing belongs to it then.
func Belongs(ns, user *os.File) (bool, error) {
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

// Field returns the JSON path of the namespace of type t, or the path of the list if the
// type is not in it.
func Field(s *specs.Spec, t specs.LinuxNamespaceType) string {
	i := -1
	if s.Linux != nil {
		i = slices.IndexFunc(s.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == t })
	}
	if i < 0 {
		return "linux.namespaces"
	}
	return fmt.Sprintf("linux.namespaces[%d]", i)
}

// CheckTime refuses a new time namespace if the kernel's time namespaces are of no use to berth.
func CheckTime(s *specs.Spec) error {
	if _, kind := spec.Namespace(s, specs.TimeNamespace); kind == spec.New {
		if err := initproc.CheckTime(); err != nil {
			return spec.Fieldf("linux.namespaces", "time: %w", err)
		}
	}
	return nil
}
