package rootfs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Root is a container's root during its construction inside the container's namespaces. The methods
// are called in this order: [Attach], Mount, Devices, Pivot, OpenPty, Console, Finish, Close. All
// calls are on one locked OS thread that shares its umask and working directory with no other
// thread (unshare(CLONE_FS)). If a method fails, the mount namespace is half built and has to be
// discarded.
type Root struct {
	plan   *Plan
	files  []*os.File
	tree   tree        // the root mount
	proc   int         // a procfs that nothing in the container can have covered
	lateRO []lateMount // new mounts to make read-only in Finish
	pid    *os.File    // pid namespace of new procfs mounts; nil: the caller's
}

type lateMount struct {
	fd   int
	what string
}

// Attach mounts the root over the directory at ("/" if at is empty) in the calling thread's mount
// namespace. It takes ownership of files. If the mount namespace is the container's own, mounts in
// it no longer propagate to the namespace that it was copied from.
//
// If the container has a user namespace, the mount namespace must still have an unobstructed procfs
// at /proc: only then does the kernel allow a new procfs or sysfs (mount_namespaces(7)).
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

// isolatePropagation keeps later mounts in the root from propagating out of the namespace. A root
// that was mounted on a shared mount has become shared itself (mount_namespaces(7)).
func (r *Root) isolatePropagation() error {
	if err := setPropagation(int(r.tree), unix.MS_SLAVE|unix.MS_REC); err != nil {
		return err
	}
	return setPropagation(int(r.tree), unix.MS_PRIVATE)
}

// ProcOf makes Mount create proc file systems of the pid namespace pid instead of the caller's. The
// caller keeps ownership of pid, which must stay open until Mount has returned.
func (r *Root) ProcOf(pid *os.File) { r.pid = pid }

// Dir returns the root directory, open with O_PATH. The Root owns the descriptor, which is valid
// until Close. The caller has to resolve paths in it with openat2(2) and RESOLVE_IN_ROOT.
func (r *Root) Dir() int { return int(r.tree) }

// Proc returns the root of a procfs of the process's pid namespace, open with O_PATH until Close.
// No mount in the container covers or replaces it. Writes through it to a process's attributes or
// to sysctls cannot be redirected if the path is resolved with RESOLVE_BENEATH, RESOLVE_NO_XDEV
// and, except for "self", RESOLVE_NO_SYMLINKS.
func (r *Root) Proc() int { return r.proc }

// file returns the descriptor with the given index.
func (r *Root) file(index int) (int, error) {
	if index < 0 || index >= len(r.files) || r.files[index] == nil {
		return -1, fmt.Errorf("descriptor %d of %d is missing", index, len(r.files))
	}
	return int(r.files[index].Fd()), nil
}

// Close closes all descriptors of the Root, including the files from [Open].
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

// openProc opens a procfs. It makes a new one that is mounted nowhere or, if the kernel does not
// allow that, opens the one at /proc.
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

// procRootIno is the inode number of the root of every procfs. No other file of a procfs has it.
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
