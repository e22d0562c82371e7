package rootfs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Root is the container's root while it is being built, from inside the container's namespaces. Its
// methods are called in this order, all on one locked OS thread that shares its umask and working
// directory with no other (unshare(CLONE_FS)): [Attach], Mount, Devices, Pivot, OpenPty, Console,
// Finish, Close. Whatever fails leaves the mount namespace half made: it is to be thrown away.
type Root struct {
	plan   *Plan
	files  []*os.File
	tree   tree        // the root's own mount
	proc   int         // a procfs that nothing in the container can have changed
	lateRO []lateMount // new mounts that become read-only at the end
	pid    *os.File    // the pid namespace that a procfs is to be of; nil for our own
}

type lateMount struct {
	fd   int
	what string
}

// Attach mounts the root over the directory at in the calling thread's mount namespace, "/" when at is
// "". It takes over the files. Mounts of the namespace no longer propagate to where they came from, if
// it is the container's own.
//
// The namespace's /proc has to be a whole procfs still, where the container has a user namespace: the
// kernel allows a new procfs or sysfs only beside one (mount_namespaces(7)).
func Attach(p *Plan, files []*os.File, at string) (*Root, error) {
	if at == "" {
		at = "/"
	}
	r := &Root{plan: p, files: files, tree: -1, proc: -1}
	if err := r.attach(at); err != nil {
		r.Close()
		return nil, fmt.Errorf("attach the root at %q: %w", at, err)
	}
	return r, nil
}

func (r *Root) attach(at string) error {
	root, err := r.file(r.plan.Root)
	if err != nil {
		return err
	}
	if r.proc, err = openProc(); err != nil {
		return err
	}
	if !r.plan.SharedMountNamespace {
		if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("make / a recursive slave: %w", err)
		}
	}
	target, err := openat(unix.AT_FDCWD, at, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := moveMount(root, target); err != nil {
		return err
	}
	dup, err := unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	r.tree = tree(dup)
	if r.plan.SharedMountNamespace {
		return r.isolatePropagation()
	}
	return nil
}

// ProcOf has proc file systems be of that pid namespace, and not of the caller's. The file stays the
// caller's, and open until Mount has been called.
func (r *Root) ProcOf(pid *os.File) { r.pid = pid }

// Dir is the root directory, open with O_PATH. It stays the Root's and is valid until Close; its
// resolution is the caller's business: openat2(2) with RESOLVE_IN_ROOT.
func (r *Root) Dir() int { return int(r.tree) }

// Proc is the root of a procfs of the process's pid namespace that no mount in the container covers or
// replaces, open with O_PATH, until Close. What is written to a process's attributes or to sysctls
// through it goes nowhere else, if it is resolved with RESOLVE_BENEATH, RESOLVE_NO_XDEV and, but for
// "self", RESOLVE_NO_SYMLINKS.
func (r *Root) Proc() int { return r.proc }

// file is the descriptor of that index.
func (r *Root) file(index int) (int, error) {
	if index < 0 || index >= len(r.files) || r.files[index] == nil {
		return -1, fmt.Errorf("descriptor %d of %d is not there", index, len(r.files))
	}
	return int(r.files[index].Fd()), nil
}

// Close gives back the descriptors that building needed, those of [Open] included.
func (r *Root) Close() {
	for _, f := range r.files {
		f.Close()
	}
	for _, m := range r.lateRO {
		unix.Close(m.fd)
	}
	for _, fd := range []int{int(r.tree), r.proc} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	r.files, r.lateRO, r.tree, r.proc = nil, nil, -1, -1
}

// openProc opens a procfs: a new one that is mounted nowhere, or, where the kernel does not allow that,
// the one at /proc.
func openProc() (int, error) {
	fresh, freshErr := newFilesystem("proc", "proc", nil, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if freshErr == nil {
		return fresh, nil
	}
	fd, err := openat(unix.AT_FDCWD, "/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, fmt.Errorf("/proc: %w (and %w)", err, freshErr)
	}
	if err := verifyProcRoot(fd); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("/proc: %w", err)
	}
	return fd, nil
}

// procRootIno is the inode number of every procfs's root and of nothing else on it.
const procRootIno = 1

func verifyProcRoot(fd int) error {
	is, err := onFilesystem(fd, unix.PROC_SUPER_MAGIC)
	if err != nil {
		return err
	}
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	if !is || st.Ino != procRootIno {
		return fmt.Errorf("is not the root of a procfs")
	}
	return nil
}
