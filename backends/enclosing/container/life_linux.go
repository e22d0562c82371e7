// Package container deals with a container that exists: its state, its end, its limits and its
// processes. Everything starts from the container's record.
package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/agent"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// Status derives the state from the first process and the cgroup.
func Status(c *backends.Container) (specs.ContainerState, error) {
	status, err := link.Status(c)
	if err != nil || status == specs.StateStopped {
		return status, err
	}
	d, err := enclosure.DataOf(c)
	if err != nil {
		return "", err
	}
	if paused, err := d.Paused(); err != nil {
		return "", err
	} else if paused {
		return statePaused, nil
	}
	return status, nil
}

// Start tells the init process to exec the user's program. If the listener of the seccomp filter
// cannot be sent to its agent, the process could wait for ever, so Start kills it.
func Start(c *backends.Container) error {
	var failed error
	err := link.Start(c.Dir, func(listener *os.File) error {
		failed = agent.Send(c, c.Process.Pid, specs.StateCreated, listener)
		return failed
	})
	if failed != nil {
		_ = c.Process.Signal(unix.SIGKILL)
	}
	return err
}

// Kill sends a signal to the first process, or to all processes in the cgroup.
func Kill(c *backends.Container, signal syscall.Signal, all bool) error {
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	// Like runc, leave no process behind that has no pid namespace to end with.
	outlive := signal == unix.SIGKILL && d.SharedPIDs
	if !all && !outlive {
		err := c.Process.Signal(signal)
		if err == nil && signal == unix.SIGKILL {
			return release(d)
		}
		return err
	}
	err = signalAll(d, signal)
	if !errors.Is(err, cgroup.ErrGone) {
		return err
	}
	if !all {
		return os.ErrProcessDone
	}
	return nil
}

// signalAll sends a signal to all processes in the cgroup. If the cgroup is gone, the error wraps
// cgroup.ErrGone.
func signalAll(d *enclosure.Data, signal syscall.Signal) error {
	if signal == unix.SIGKILL {
		limits, err := d.OpenLimits()
		if err != nil {
			return err
		}
		defer limits.Close()
		return errors.Join(limits.Kill(), thaw(limits))
	}
	group, err := d.OpenCgroup()
	if err != nil {
		return err
	}
	defer group.Close()
	pids, err := group.Processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if pid == d.StubInit.Pid {
			continue
		}
		if err := signalMember(group, pid, signal); err != nil {
			return err
		}
	}
	return nil
}

// release thaws a paused container that has been killed, so that it can end. SIGKILL reaches a
// frozen process, but other processes in the cgroup have to notice that it has ended.
func release(d *enclosure.Data) error {
	limits, err := d.OpenLimits()
	if errors.Is(err, cgroup.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer limits.Close()
	return thaw(limits)
}

// thaw thaws a cgroup that is frozen.
func thaw(g *cgroup.Group) error {
	paused, err := g.Frozen()
	if err != nil || !paused {
		return err
	}
	return g.Thaw()
}

// signalMember signals a process that was found in a cgroup, if it is still in it. Its pid may
// belong to another process by now.
func signalMember(group *cgroup.Group, pid int, sig syscall.Signal) error {
	p, err := backends.FindProcess(pid)
	if err != nil {
		return nil //nolint:nilerr // it has ended
	}
	err = p.SignalIf(sig, func() bool { return group.Holds(pid) })
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Delete ends what still runs and removes the enclosure.
func Delete(ctx context.Context, t enclosure.Tool, c *backends.Container) error {
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	return Remove(ctx, t, c, d)
}

// Remove takes a container down in any state. It kills the container's process, so that the
// enclosure ends by itself, and then removes the enclosure. If the enclosure has not come up,
// Remove destroys it first: the enclosure's tool may hang when its init ends. That init is in the
// process's pid namespace, and the process cannot end before the init was waited for.
func Remove(ctx context.Context, t enclosure.Tool, c *backends.Container, d *enclosure.Data) error {
	if d.Monitor.Pid == 0 {
		if err := t.DestroyEnclosure(ctx, c, d); err != nil {
			return err
		}
	}
	if err := c.Process.Signal(unix.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := release(d); err != nil {
		return err
	}
	if err := c.Process.WaitGone(ctx, 10*time.Second); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	if d.SharedPIDs {
		if err := signalAll(d, unix.SIGKILL); err != nil && !errors.Is(err, cgroup.ErrGone) {
			return err
		}
	}
	return errors.Join(detach(d), t.DestroyEnclosure(ctx, c, d), d.Resctrl.Remove())
}

// detach unmounts the root from a shared mount namespace. If the path of a joined namespace no
// longer leads to it, detach leaves the namespace alone: it has ended, or only others use it.
func detach(d *enclosure.Data) error {
	if d.Attachment == nil {
		return nil
	}
	var ns *os.File
	if m := d.MountNamespace; m != nil {
		f, err := namespace.Open(m.Path, unix.CLONE_NEWNS)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || info.Sys().(*syscall.Stat_t).Ino != m.Inode {
			return err
		}
		ns = f
	}
	return d.Attachment.Detach(ns)
}
