package cluster

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
)

// LockDirectory holds the configurations' lock files.
const LockDirectory = "/run/lock/lxc"

// Timeouts of the configurations' locks.
const (
	lockTimeout       = 10 * time.Second
	createLockTimeout = 5 * time.Second
)

// WithLock runs do while it holds the flock(2) of a container's configuration. It waits up to 10 s
// for the lock.
func (c *Cluster) WithLock(id string, messages io.Writer, do func() error) error {
	return c.withLock(id, choose(c.host.Settings.LockTimeout, lockTimeout), messages, do)
}

// WithCreateLock does the same with create's timeout of 5 s.
func (c *Cluster) WithCreateLock(id string, messages io.Writer, do func() error) error {
	return c.withLock(id, choose(c.host.Settings.CreateLockTimeout, createLockTimeout), messages, do)
}

func choose(milliseconds int, normal time.Duration) time.Duration {
	if milliseconds > 0 {
		return time.Duration(milliseconds) * time.Millisecond
	}
	return normal
}

func (c *Cluster) withLock(id string, timeout time.Duration, messages io.Writer, do func() error) error {
	name := fmt.Sprintf("%s/pve-config-%s.lock", LockDirectory, id)
	if err := os.MkdirAll(c.host.Path(LockDirectory), 0o755); err != nil {
		return fmt.Errorf("make %s: %w", LockDirectory, err)
	}
	file, err := os.OpenFile(c.host.Path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return failure.New("can't lock file '%s' - can't open file - %v", name, err)
	}
	defer file.Close()
	if !tryLock(file) {
		// Like PVE::Tools::lock_file_full: one more call of flock(2), which waits in the kernel,
		// and an alarm.
		fmt.Fprintln(messages, "trying to acquire lock...")
		// Use a second descriptor: the first may be closed while flock(2) still waits.
		own, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return failure.New("can't lock file '%s' - %v", name, err)
		}
		locked := make(chan error, 1)
		go func() {
			defer unix.Close(own)
			locked <- waitLock(own)
		}()
		select {
		case err := <-locked:
			if err != nil {
				return failure.New("can't lock file '%s' - can't acquire lock '%s' - %v", name, name, err)
			}
		case <-time.After(timeout):
			return failure.New("can't lock file '%s' - got timeout", name)
		}
		fmt.Fprintln(messages, " OK")
	}
	return do()
}

func waitLock(descriptor int) error {
	for {
		if err := unix.Flock(descriptor, unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

func tryLock(file *os.File) bool {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}
