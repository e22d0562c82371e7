package create

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/stubinit"
)

// watch tells the stub init which process to wait for, and what it may keep.
func (c *caller) watch(pidfd *os.File, task stubinit.Task) error {
	c.bounding = task.Bounding
	if err := link.SendMessage(c.conn, task.Message(), int(pidfd.Fd())); err != nil {
		return fmt.Errorf("tell the stub init which process to wait for: %w", err)
	}
	return nil
}

// bareTimeout is much longer than sixty system calls take.
const bareTimeout = 30 * time.Second

// awaitBare waits until the stub init has given up all rights that the container does not have, and
// then checks that it has. The container's own processes may be able to trace the stub init
// (ptrace(2)), so they must not run before.
func (c *caller) awaitBare() error {
	fds := []unix.PollFd{{Fd: int32(c.conn), Events: unix.POLLIN | unix.POLLRDHUP}}
	var n int
	err := link.Retry(func() (err error) {
		n, err = unix.Poll(fds, int(bareTimeout.Milliseconds()))
		return err
	})
	if err == nil && n == 0 {
		err = unix.ETIMEDOUT
	}
	if err != nil {
		return fmt.Errorf("wait for the stub init, process %d, to drop its rights: %w", c.process.Pid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.Pid))
	if err == nil && !c.process.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("the enclosure ended: its init, berth's stub init: %w", err)
	}
	if err := checkBare(string(status), c.bounding); err != nil {
		return fmt.Errorf("the container is not started, because the stub init, process %d, has more rights than it: %w", c.process.Pid, err)
	}
	return nil
}

// checkBare checks /proc/PID/status of a stub init (proc_pid_status(5)). It fails if the stub init
// has more capabilities than it may have, or lacks no_new_privs or a seccomp filter.
func checkBare(status string, bounding uint64) error {
	most := map[string]uint64{"CapInh": 0, "CapPrm": stubinit.KeptCapabilities, "CapEff": stubinit.KeptCapabilities, "CapAmb": 0, "CapBnd": bounding}
	is := map[string]string{"NoNewPrivs": "1", "Seccomp": "2"}
	for line := range strings.Lines(status) {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if want, ok := is[field]; ok && value == want {
			delete(is, field)
		}
		if limit, ok := most[field]; ok {
			set, err := strconv.ParseUint(value, 16, 64)
			if err != nil || set&^limit != 0 {
				return fmt.Errorf("%s is %s, but must not exceed %016x", field, value, limit)
			}
			delete(most, field)
		}
	}
	for field, want := range is {
		return fmt.Errorf("%s is not %s", field, want)
	}
	if len(most) > 0 {
		return errors.New("its status in /proc does not show all its capabilities")
	}
	return nil
}
