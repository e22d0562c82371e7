package rootfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenPty opens a new pseudoterminal in the container's own devpts at /dev/pts. Both ends are open
// for reading and writing, and are nobody's controlling terminal. OpenPty does not use the slave's
// path, so a devpts that something else mounted does not matter.
func (r *Root) OpenPty() (master, slave *os.File, err error) {
	m, s, err := r.openPty()
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal in /dev/pts: %w", err)
	}
	return os.NewFile(uintptr(m), "/dev/ptmx"), os.NewFile(uintptr(s), "/dev/console"), nil
}

// OpenTerminal is OpenPty for a running container. root is its root directory.
func OpenTerminal(root int) (master, slave *os.File, err error) {
	return (&Root{tree: tree(root)}).OpenPty()
}

func (r *Root) openPty() (master, slave int, err error) {
	pts, err := r.tree.open("/dev/pts", lookup{})
	if err != nil {
		return -1, -1, err
	}
	defer unix.Close(pts.fd)
	if is, err := onFilesystem(pts.fd, unix.DEVPTS_SUPER_MAGIC); err != nil || !is {
		return -1, -1, errors.Join(err, fmt.Errorf("%s is not a devpts: %w", pts.real, unix.ENODEV))
	}
	// Every file with this name in a devpts is a terminal, so opening it does no harm.
	master, err = openBeneath(pts.fd, "ptmx", unix.O_RDWR|unix.O_NOCTTY)
	if err != nil {
		return -1, -1, fmt.Errorf("%s/ptmx: %w", pts.real, err)
	}
	if err := verifyPtmx(master); err != nil {
		unix.Close(master)
		return -1, -1, fmt.Errorf("%s/ptmx: %w", pts.real, err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(master)
		return -1, -1, fmt.Errorf("unlock the terminal: ioctl(TIOCSPTLCK): %w", err)
	}
	slave, err = ptyPeer(master)
	if err != nil {
		unix.Close(master)
		return -1, -1, fmt.Errorf("open the other end of the terminal: ioctl(TIOCGPTPEER): %w", err)
	}
	return master, slave, nil
}

func ptyPeer(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// verifyPtmx checks that fd is the ptmx of a devpts, the file that makes terminals: inode 2.
func verifyPtmx(fd int) error {
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	is, err := onFilesystem(fd, unix.DEVPTS_SUPER_MAGIC)
	if err != nil {
		return err
	}
	if !is || st.Ino != 2 {
		return fmt.Errorf("is not the ptmx of a devpts: %w", unix.ENODEV)
	}
	return verifyNode(&st, &Device{Mode: unix.S_IFCHR, Major: 5, Minor: 2})
}

// Console mounts a terminal over /dev/console. It makes /dev/console if it is missing, and fails if
// it is a symbolic link. slave is a terminal of the container from [Root.OpenPty].
func (r *Root) Console(slave *os.File) error {
	if err := r.console(int(slave.Fd())); err != nil {
		return fmt.Errorf("mount the terminal on /dev/console: %w", err)
	}
	return nil
}

func (r *Root) console(slave int) error {
	st, err := fstat(slave)
	if err != nil {
		return err
	}
	if is, err := onFilesystem(slave, unix.DEVPTS_SUPER_MAGIC); err != nil || !is || !isType(st.Mode, unix.S_IFCHR) {
		return errors.Join(err, fmt.Errorf("the terminal is not in a devpts: %w", unix.ENOTTY))
	}
	tree, err := openTreeClone(slave, "", false, true)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(tree)
	dir, name, err := r.tree.parent("/dev/console")
	if err != nil {
		return err
	}
	defer unix.Close(dir.fd)
	var target int
	err = withUmask(0o022, func() (err error) {
		target, err = openOrCreate(dir.fd, name, 0o666)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(target)
	return moveMount(tree, target)
}
