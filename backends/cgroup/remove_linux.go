package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the kernel may take to release processes that have ended.
const patience = 5 * time.Second

// retry is the time between two tries to remove a cgroup.
const retry = 2 * time.Millisecond

// Remove removes the cgroup at path with the cgroups below it, and kills the processes in them. It
// is for a cgroup whose path tells whose it is. It ignores a missing cgroup.
func Remove(path string) error {
	g, err := Open(path)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer g.Close()
	return g.Remove()
}

// Remove removes the cgroup and the cgroups below it, and kills the processes in them. It waits up
// to patience for the kernel to release the processes. A cgroup that has been removed is no error.
// The root cgroup stays.
func (g *Group) Remove() error {
	if g.path == "/" {
		return nil
	}
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(retry) {
		if err = g.removeTree(); !errors.Is(err, unix.EBUSY) {
			return err
		}
		if err := g.Kill(); err != nil {
			return err
		}
	}
	return fmt.Errorf("remove cgroup %s: %w", g.path, err)
}

// Withdraw removes the cgroup and the cgroups below it once no process is in them. If processes are
// in them after the time patience, it leaves the cgroup without an error: then they are not the
// processes of the container that the cgroup was made for.
func (g *Group) Withdraw(patience time.Duration) error { return g.withdraw(patience, g.removeTree) }

// withdraw is Withdraw by a function that removes the cgroup.
func (g *Group) withdraw(patience time.Duration, remove func() error) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(retry) {
		pids, err := g.Processes()
		if err != nil {
			return fmt.Errorf("list the processes of cgroup %s: %w", g.path, err)
		}
		if len(pids) > 0 {
			continue
		}
		if err := remove(); !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return nil
}

// removeTree removes the cgroup and the cgroups below it if no process is in them. Otherwise the
// error is EBUSY.
func (g *Group) removeTree() error {
	if g.rmdir() == nil {
		return nil
	}
	if err := g.children((*Group).removeTree); err != nil {
		return err
	}
	return g.rmdir()
}

// rmdir removes the cgroup's directory, unless that was done. The kernel takes nothing but a name,
// so rmdir makes sure that the name still leads to this cgroup. Between the two somebody else could
// remove this cgroup and make another one, which rmdir would remove, but only if it is empty.
func (g *Group) rmdir() error {
	parent, err := unix.Openat(g.fd, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: g.file(".."), Err: err}
	}
	defer unix.Close(parent)
	name := filepath.Base(g.path)
	var now unix.Stat_t
	err = unix.Fstatat(parent, name, &now, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && now.Ino != g.id {
		return nil
	}
	if err == nil {
		err = unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
	}
	if err != nil && !gone(err) {
		return &os.PathError{Op: "rmdir", Path: g.file(""), Err: err}
	}
	return nil
}
