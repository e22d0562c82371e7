package tree

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Copy copies the contents of directory from into directory to: directories, regular files and
// symbolic links, with modes, owners and times. It skips devices, sockets and FIFOs. Hard links
// become separate files.
func Copy(from, to *os.File) error {
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyEntry(from, to, name); err != nil {
			return fmt.Errorf("copy %s/%s: %w", from.Name(), name, err)
		}
	}
	return nil
}

func copyEntry(from, to *os.File, name string) error {
	src, dst := int(from.Fd()), int(to.Fd())
	var st unix.Stat_t
	if err := unix.Fstatat(src, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return copyDir(src, dst, name, &st)
	case unix.S_IFREG:
		return copyFile(src, dst, name, &st)
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(src, name, buf)
		if err == nil {
			err = unix.Symlinkat(string(buf[:n]), dst, name)
		}
		if err == nil {
			err = unix.Fchownat(dst, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
		}
		return err
	}
	return nil
}

func copyDir(src, dst int, name string, st *unix.Stat_t) error {
	if err := unix.Mkdirat(dst, name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	from, err := openAt(src, name, openDir)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openAt(dst, name, openDir)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := Copy(from, to); err != nil {
		return err
	}
	return like(to, st)
}

func copyFile(src, dst int, name string, st *unix.Stat_t) error {
	from, err := openAt(src, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openAt(dst, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return like(to, st)
}

func openAt(dir int, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(dir, name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// like gives a file the owner, mode and times in st.
func like(f *os.File, st *unix.Stat_t) error {
	fd := int(f.Fd())
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, uint32(st.Mode)&0o7777); err != nil {
		return err
	}
	times := []syscall.Timeval{
		syscall.NsecToTimeval(unix.TimespecToNsec(st.Atim)), syscall.NsecToTimeval(unix.TimespecToNsec(st.Mtim)),
	}
	return syscall.Futimes(fd, times)
}
