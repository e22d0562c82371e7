package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// procRoot is PROC_ROOT_INO of linux/proc_fs.h.
const procRoot = 1

// procfs is a descriptor of a directory that was checked to be the root of a proc filesystem.
type procfs struct{ fd int }

// openProc duplicates fd, a proc filesystem's root that the caller vouches for, and checks it. If
// fd is -1 it opens /proc instead, where the container's configuration may have mounted anything.
func openProc(fd int) (*procfs, error) {
	var err error
	if fd >= 0 {
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	} else {
		fd, err = unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	p := &procfs{fd: fd}
	var fs unix.Statfs_t
	var st unix.Stat_t
	err = unix.Fstatfs(fd, &fs)
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		p.close()
		return nil, &os.PathError{Op: "stat", Path: "/proc", Err: err}
	}
	if uint32(fs.Type) != unix.PROC_SUPER_MAGIC || st.Ino != procRoot {
		p.close()
		return nil, errors.New("/proc is not the root of a proc filesystem")
	}
	return p, nil
}

func (p *procfs) close() { _ = unix.Close(p.fd) }

// open opens a file of this proc filesystem. It refuses files that another mount covers, and
// follows no magic links.
func (p *procfs) open(name string, flags int) (*os.File, error) {
	how := &unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(p.fd, name, how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), "/proc/"+name), nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			// EAGAIN means that a rename or mount elsewhere raced with the lookup (openat2(2)).
		default:
			return nil, &os.PathError{Op: "open", Path: "/proc/" + name, Err: err}
		}
	}
}

// write writes a value to a procfs file in a single write, as such files require.
func (p *procfs) write(name, value string) error {
	file, err := p.open(name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}
