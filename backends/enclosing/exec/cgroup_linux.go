package exec

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/guard"
)

// enterCgroup moves the process into the container's cgroup, or into the cgroup below it that the
// caller names. If the container has made cgroups below its own, its processes may have had to
// leave its own cgroup (the "no internal processes" rule). The process then goes to the cgroup of
// the first process.
func (e *execution) enterCgroup(pid int, sub string) error {
	own, err := e.data.OpenCgroup()
	if errors.Is(err, cgroup.ErrGone) {
		return e.follow(pid, sub)
	}
	if err != nil {
		return err
	}
	defer own.Close()
	if sub != "" {
		return enterBelow(own, sub, pid)
	}
	err = own.Enter(pid)
	if err != nil && !own.Exists() {
		return e.follow(pid, sub)
	}
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	limits, lerr := e.data.OpenLimits()
	if lerr != nil {
		return err
	}
	defer limits.Close()
	first, ferr := cgroup.OpenOf(e.c.Process.Pid)
	if ferr != nil {
		return err
	}
	defer first.Close()
	if !cgroup.Below(first.Path(), limits.Path()) || !limits.Exists() {
		return err
	}
	return first.Enter(pid)
}

// enterBelow moves the process into the cgroup sub below the container's cgroup.
func enterBelow(own *cgroup.Group, sub string, pid int) error {
	at := path.Join(own.Path(), sub)
	if !cgroup.Below(at, own.Path()) {
		return fmt.Errorf("--cgroup %s: bad sub cgroup path: it is outside the container's cgroup", sub)
	}
	g, err := own.Open(at)
	if err == nil {
		defer g.Close()
		err = g.Enter(pid)
	}
	if errors.Is(err, cgroup.ErrGone) || errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("--cgroup %s: the container has no such cgroup: %w", sub, &os.PathError{Op: "open", Path: filepath.Join(cgroup.Mount, at), Err: unix.ENOENT})
	}
	return err
}

// follow moves the process to the cgroup of the first process. The container's own cgroup is gone:
// only root on the host can have moved all processes out of it and removed it. If LXC's command
// sockets are in reach, follow fails, because the programs that kept the container from them went
// with the cgroup.
func (e *execution) follow(pid int, sub string) error {
	gone := fmt.Errorf("the container's cgroup %s has been removed", e.data.Cgroup)
	if sub != "" {
		return fmt.Errorf("--cgroup %s: %w", sub, gone)
	}
	if guard.Needed(e.saved.Spec()) {
		return fmt.Errorf("%w, and with it the BPF programs that keep a process in a shared network namespace from LXC's command sockets: delete the container and create it again", gone)
	}
	if err := e.enterFirst(pid); err != nil {
		return fmt.Errorf("%w; the cgroup of its first process: %w", gone, err)
	}
	return nil
}

// enterFirst moves the process into the cgroup of the first process.
func (e *execution) enterFirst(pid int) error {
	first, err := cgroup.OpenOf(e.c.Process.Pid)
	if err != nil {
		return err
	}
	defer first.Close()
	if !e.c.Process.Alive() { // another process may have the pid
		return os.ErrProcessDone
	}
	return first.Enter(pid)
}
