package kernel

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tools returns the directory of the stand-in's tools, $BERTH_JAIL_TOOLS.
func Tools() []string { return []string{os.Getenv("BERTH_JAIL_TOOLS")} }

// Attach makes the jail's root the root of this process. The stand-in finds the processes in a jail
// by their roots.
func Attach(_ int, root string) error {
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chroot %s: %w", root, err)
	}
	return unix.Chdir("/")
}

// Shield prevents other processes from inspecting this process until it execs.
func Shield() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// NoNewPrivileges makes execve(2) ignore set-user-ID bits from now on.
func NoNewPrivileges() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }

// OpenTerminal opens a new pseudoterminal and returns both sides.
func OpenTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

// Mounted returns the mount points of this host, in the order in which they were mounted.
func Mounted() ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var points []string
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) > 4 {
			points = append(points, strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4]))
		}
	}
	return points, nil
}

// Jailed returns true if this process is in a jail, which never happens on Linux.
func Jailed() bool { return false }

// Setting returns a setting of sysctl(8) from the environment variable BERTH_JAIL_SYSCTL_ followed
// by name. ok is false if it is not set.
func Setting(name string) (value uint64, ok bool) {
	value, err := strconv.ParseUint(os.Getenv("BERTH_JAIL_SYSCTL_"+name), 10, 64)
	return value, err == nil
}

const lastSignal = 31

func unblockSignals() error { return unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil) }

func closeRange(first int) error {
	return unix.CloseRange(uint(first), 1<<31-1, unix.CLOSE_RANGE_CLOEXEC)
}
