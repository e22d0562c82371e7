//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// path records what a path is, and whether it can be read, written and listed.
func (f facts) path(path string) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		f["path "+path] = err.Error()
		return
	}
	kind := fmt.Sprintf("%#o %d:%d", st.Mode, st.Uid, st.Gid)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		entries, err := os.ReadDir(path)
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == madeName })
		number := fmt.Sprint(len(entries))
		if ofTheKernel(path) {
			number = "some"
		}
		f["path "+path] = fmt.Sprintf("%s %s entries %v", kind, number, code(err))
		made := filepath.Join(path, madeName)
		err = os.WriteFile(made, nil, 0o600)
		_ = os.Remove(made)
		f["write "+path] = code(err)
		return
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		data, err := os.ReadFile(path)
		f["path "+path] = fmt.Sprintf("%s %q %s", kind, data[:min(len(data), 60)], code(err))
	} else {
		f["path "+path] = fmt.Sprintf("%s %d,%d", kind, unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	_ = unix.Close(fd)
	f["write "+path] = code(err)
}

// madeName is the name of a file that exists only for a moment. The probe of another container may
// see it through the same bind mount.
const madeName = "made by the probe"

// code returns the name of the kernel's error, without the path that the error is about.
func code(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// devicePolicy tries to create device nodes, and to open the ones that it could create.
func (f facts) devicePolicy() {
	for _, d := range []struct {
		kind, major, minor uint32
	}{{unix.S_IFCHR, 1, 3}, {unix.S_IFCHR, 1, 1}, {unix.S_IFCHR, 1, 7}, {unix.S_IFCHR, 5, 1}, {unix.S_IFCHR, 10, 229}, {unix.S_IFCHR, 10, 200},
		{unix.S_IFBLK, 7, 0}, {unix.S_IFBLK, 7, 999}, {unix.S_IFCHR, 136, 0}} {
		name := fmt.Sprintf("device %#o %d:%d", d.kind, d.major, d.minor)
		path := "/tmp/" + strings.ReplaceAll(name, " ", "-")
		err := unix.Mknod(path, d.kind|0o600, int(unix.Mkdev(d.major, d.minor)))
		f[name] = code(err)
		if err == nil {
			fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			_ = unix.Close(fd)
			f[name] += ", opened: " + code(err)
			_ = unix.Unlink(path)
		}
	}
}

// tries records the results of system calls that a container may or may not make.
func (f facts) tries() {
	errnoOf := func(number uintptr, args ...uintptr) error {
		args = append(args, 0, 0, 0)
		_, _, errno := unix.Syscall(number, args[0], args[1], args[2])
		if errno != 0 {
			return errno
		}
		return nil
	}
	f["try mkdir"] = code(unix.Mkdir("/tmp/made", 0o700))
	_ = unix.Rmdir("/tmp/made")
	f["try chown"] = code(unix.Lchown("/tmp", 0, 0))
	f["try mount"] = mounted()
	f["try sethostname"] = code(unix.Sethostname([]byte(hostname())))
	f["try chroot"] = code(unix.Chroot("/"))
	f["try swapoff"] = code(errnoOf(unix.SYS_SWAPOFF))
	f["try keyctl"] = code(errnoOf(unix.SYS_KEYCTL, 99))
	f["try ptrace"] = code(errnoOf(unix.SYS_PTRACE, 99))
	f["try getcpu"] = code(errnoOf(unix.SYS_GETCPU))
	f["try socket"] = tried(unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 1))
	f["try unshare"] = code(errnoOf(unix.SYS_UNSHARE, unix.CLONE_NEWUTS))
	f["try bpf"] = code(errnoOf(unix.SYS_BPF, 99))
}

// mounted tries to mount a tmpfs on a temporary directory, and removes both.
func mounted() string {
	dir, err := os.MkdirTemp("/tmp", "mount-")
	if err != nil {
		return "no directory: " + code(err)
	}
	defer os.Remove(dir)
	err = unix.Mount("tmpfs", dir, "tmpfs", 0, "")
	if err == nil {
		err = unix.Unmount(dir, unix.MNT_DETACH)
	}
	return code(err)
}

func hostname() string {
	name, _ := os.Hostname()
	return name
}

func tried(fd int, err error) string {
	_ = unix.Close(fd)
	return code(err)
}
