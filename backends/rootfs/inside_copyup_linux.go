package rootfs

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxDepth limits the depth of a copied tree, because a descriptor is open for every level.
const maxDepth = 256

// copyUp copies the content of a directory (open with O_PATH) into a mount that is not visible yet,
// as tmpcopyup promises: with owners, modes, links and device nodes. Links are copied, never
// followed.
func copyUp(from, to int) error {
	dst, err := openat(to, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dst)
	return copyDir(from, dst, maxDepth)
}

func copyDir(from, to, depth int) error {
	if depth == 0 {
		return fmt.Errorf("directories are nested too deeply: %w", unix.ELOOP)
	}
	fd, err := openat(from, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), "directory")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyEntry(fd, to, name, depth); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func copyEntry(from, to int, name string, depth int) error {
	src, err := openat(from, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil // removed in the meantime
	}
	if err != nil {
		return err
	}
	defer unix.Close(src)
	st, err := fstat(src)
	if err != nil {
		return err
	}
	mode := st.Mode & 0o7777
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return copySubdir(src, to, name, &st, depth)
	case unix.S_IFREG:
		return copyFile(from, to, name, &st)
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(src, "", buf)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(string(buf[:n]), to, name); err != nil {
			return err
		}
	case unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO:
		if err := unix.Mknodat(to, name, st.Mode, int(st.Rdev)); err != nil {
			return err
		}
	default: // a socket is useless without its listener
		return nil
	}
	if err := unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if isType(st.Mode, unix.S_IFLNK) {
		return nil
	}
	return unix.Fchmodat(to, name, mode, 0) // safe, because nobody else sees this mount yet
}

func copySubdir(src, to int, name string, st *unix.Stat_t, depth int) error {
	if err := unix.Mkdirat(to, name, 0o700); err != nil {
		return err
	}
	dst, err := openat(to, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dst)
	if err := copyDir(src, dst, depth-1); err != nil {
		return err
	}
	return setOwner(dst, st)
}

func copyFile(from, to int, name string, st *unix.Stat_t) error {
	src, err := openat(from, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	in := os.NewFile(uintptr(src), name)
	defer in.Close()
	if now, err := fstat(src); err != nil || now.Ino != st.Ino || now.Dev != st.Dev {
		return errors.Join(err, fmt.Errorf("changed while it was copied: %w", unix.EAGAIN))
	}
	dst, err := openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	out := os.NewFile(uintptr(dst), name)
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return setOwner(dst, st)
}

// setOwner sets a file's owner and then its mode, because a change of owner clears the setuid bits.
func setOwner(fd int, st *unix.Stat_t) error {
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	return unix.Fchmod(fd, st.Mode&0o7777)
}
