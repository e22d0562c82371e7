package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/backends/lxcsocket"
)

// StartEnclosure starts the container with lxc-start, which stays as the container's monitor. It
// returns when the stub init has reported, lxc-start has failed, or ctx is done.
func (e Enclosure) StartEnclosure(ctx context.Context, j *enclosure.Job) error {
	if err := errors.Join(lxcsocket.CheckHome(), lxcsocket.CheckFree(j.Data.Name)); err != nil {
		return fmt.Errorf("start LXC container %s: %w", j.Data.Name, err)
	}
	way, err := j.Data.MakeWay(j.InitPid, j.Annotations)
	if err != nil {
		return err
	}
	defer way.Close()
	if err := lxcconf.LinkCgroup(j); err != nil {
		return err
	}
	if err := e.config(j).Write(configFile(j)); err != nil {
		return err
	}
	begin := time.Now()
	cmd, err := startMonitor(j)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-j.Ready:
		backends.Called(startWords(j), begin, -1) // it keeps running
		return nil
	case err := <-ended:
		backends.Called(startWords(j), begin, cmd.ProcessState.ExitCode())
		if err == nil {
			err = errors.New("exit status 0")
		}
		return startError(j, fmt.Errorf("lxc-start has ended before the container was up (%w)", err))
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-ended
		// Nobody waits for a cause any more.
		return withReasons(j, fmt.Errorf("the container was not up in time, and lxc-start was ended (%w)", ctx.Err()), nil)
	}
}

func startWords(j *enclosure.Job) []string {
	return []string{"lxc-start", "-n", j.Data.Name, "-f", configFile(j), "-F"}
}

// startMonitor starts lxc-start. Until the container is up, what it says is in its log and in
// stderrFile.
//
// The monitor outlives berth and keeps nothing of the caller's: it gets its own session. It also
// gets its own mount namespace, because for a container without a rootfs LXC makes all mounts that
// it sees slaves, and the host's mounts would stop propagating. An unmount on the host still
// reaches a slave.
//
// The monitor starts in pivotCgroup. If berth is killed before it has saved the pid, the monitor
// can be found by that cgroup.
func startMonitor(j *enclosure.Job) (*exec.Cmd, error) {
	words := startWords(j)
	cmd, err := lxcconf.Command(words[0], words[1:]...)
	if err != nil {
		return nil, err
	}
	monitorCgroup, err := cgroup.Make(pivotCgroup(j.Data))
	if err != nil {
		return nil, err
	}
	defer monitorCgroup.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS, UseCgroupFD: true, CgroupFD: monitorCgroup.Fd()}
	cmd.Dir = "/"
	stderr, err := os.OpenFile(stderrFile(j.Container), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start LXC container %s: file for lxc-start's stderr: %w", j.Data.Name, err)
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	if err := startUnconfined(cmd); err != nil {
		return nil, startError(j, backends.CannotStart(cmd.Path, err))
	}
	return cmd, nil
}

func stderrFile(c *backends.Container) string { return filepath.Join(c.Dir, "lxc.stderr") }

// startError returns the error for a container that lxc-start did not start: what has failed, what
// LXC says, and the cause if the host shows it.
func startError(j *enclosure.Job, failed error) error {
	return withReasons(j, failed, lxcconf.Cause(j))
}

// withReasons adds to the error what LXC says, and the cause if it is known.
func withReasons(j *enclosure.Job, failed, cause error) error {
	err := fmt.Errorf("start LXC container %s: %w", j.Data.Name, failed)
	said := lxcconf.Said(j.LogFile(), stderrFile(j.Container))
	switch {
	case said != "":
		err = fmt.Errorf("%w: LXC says: %s", err, said)
	case cause == nil:
		err = fmt.Errorf("%w: LXC says nothing: see 'berth doctor'", err)
	}
	if cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
