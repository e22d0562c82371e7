package kernel

import (
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Tools returns the directories of the base system's tools. Only root can put a tool there.
func Tools() []string { return []string{"/sbin", "/bin", "/usr/sbin", "/usr/bin"} }

// Attach moves this process into a jail. The jail's root becomes its root and working directory
// (jail_attach(2)). A process cannot leave a jail.
func Attach(jid int, _ string) error {
	if _, _, errno := unix.Syscall(unix.SYS_JAIL_ATTACH, uintptr(jid), 0, 0); errno != 0 {
		return fmt.Errorf("jail_attach %d: %w", jid, errno)
	}
	return nil
}

// Commands of procctl(2).
const (
	pPID              = 0
	procTraceCtl      = 7
	traceCtlDisable   = 2
	procNoNewPrivsCtl = 19
	noNewPrivsEnable  = 1
)

func procctl(command int, value int32) error {
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, pPID, uintptr(os.Getpid()), uintptr(command), uintptr(unsafe.Pointer(&value)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Shield prevents other processes from tracing, dumping or inspecting this process until it execs
// (PROC_TRACE_CTL of procctl(2)).
func Shield() error {
	if err := procctl(procTraceCtl, traceCtlDisable); err != nil {
		return fmt.Errorf("procctl(PROC_TRACE_CTL): %w", err)
	}
	return nil
}

// NoNewPrivileges makes execve(2) ignore set-user-ID bits from now on. The error wraps
// ErrUnsupported if the kernel is too old.
func NoNewPrivileges() error {
	err := procctl(procNoNewPrivsCtl, noNewPrivsEnable)
	if err == unix.EINVAL {
		err = ErrUnsupported
	}
	if err != nil {
		return spec.Fieldf("process.noNewPrivileges", "procctl(PROC_NO_NEW_PRIVS_CTL): %w", err)
	}
	return nil
}

// OpenTerminal opens a new pseudoterminal and returns both sides.
func OpenTerminal() (master, slave *os.File, err error) {
	fd, _, errno := unix.Syscall(unix.SYS_POSIX_OPENPT, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return nil, nil, fmt.Errorf("posix_openpt: %w", errno)
	}
	// TIOCGPTN of tty(4).
	n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	if err != nil {
		unix.Close(int(fd))
		return nil, nil, fmt.Errorf("get the number of the terminal: %w", err)
	}
	name := "/dev/pts/" + strconv.Itoa(n)
	master = os.NewFile(fd, "/dev/ptmx")
	if slave, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

// Mounted returns the mount points of this host, in the order in which they were mounted
// (getfsstat(2)).
func Mounted() ([]string, error) {
	for {
		n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
		if err != nil {
			return nil, fmt.Errorf("getfsstat: %w", err)
		}
		table := make([]unix.Statfs_t, n+8)
		if n, err = unix.Getfsstat(table, unix.MNT_NOWAIT); err != nil {
			return nil, fmt.Errorf("getfsstat: %w", err)
		}
		if n == len(table) {
			continue // there may be more
		}
		points := make([]string, n)
		for i := range points {
			points[i] = unix.ByteSliceToString(table[i].Mntonname[:])
		}
		return points, nil
	}
}

// Jailed returns true if this process is in a jail.
func Jailed() bool {
	n, ok := Setting("security.jail.jailed")
	return ok && n != 0
}

// Setting returns an integer or boolean of sysctl(8). ok is false if the kernel does not have it.
func Setting(name string) (value uint64, ok bool) {
	data, err := unix.SysctlRaw(name)
	if err != nil {
		return 0, false
	}
	return integer(data)
}

const lastSignal = 31

func unblockSignals() error {
	const setMask = 3
	var none [4]uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&none)), 0); errno != 0 {
		return errno
	}
	return nil
}

func closeRange(first int) error {
	const cloexec = 1 << 2 // CLOSE_RANGE_CLOEXEC
	if _, _, errno := unix.Syscall(unix.SYS_CLOSE_RANGE, uintptr(first), 1<<31-1, cloexec); errno != 0 {
		return errno
	}
	return nil
}
