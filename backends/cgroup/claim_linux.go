package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"
	"golang.org/x/sys/unix"
)

// defaultParent is the parent cgroup of containers whose config.json has no absolute cgroupsPath.
const defaultParent = "/berth"

// spaceMark is the prefix of the cgroups in defaultParent that are made for a Default.Space.
const spaceMark = "@"

// ErrTaken is returned if a container cannot have a cgroup because the cgroup exists already.
var ErrTaken = errors.New("it belongs to another container, or was left behind by one")

// CheckFree returns an error that wraps ErrTaken if a cgroup, or anything else, exists at path.
func CheckFree(path string) error {
	if _, err := os.Lstat(filepath.Join(Mount, path)); gone(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("cgroup %s: %w", path, err)
	}
	if g, err := Open(path); err == nil {
		defer g.Close()
		if pids, err := g.Processes(); err == nil && len(pids) > 0 {
			return fmt.Errorf("container's cgroup is not empty: %d process(es) found in cgroup %s: %w", len(pids), path, ErrTaken)
		}
		if frozen, err := g.Frozen(); err == nil && frozen {
			return fmt.Errorf("container's cgroup unexpectedly frozen: cgroup %s: %w", path, ErrTaken)
		}
	}
	return fmt.Errorf("cgroup %s exists already: %w", path, ErrTaken)
}

// prepare enables the controllers for a cgroup that another program will make, and holds the
// cgroup's parent until the returned Closer is closed. path is relative to Mount.
func prepare(path string) (io.Closer, error) {
	dir := filepath.Join(Mount, path)
	if err := CheckFree(path); err != nil {
		return nil, err
	}
	hold, err := holdParent(path)
	if err != nil {
		return nil, err
	}
	err = fs2.CreateCgroupPath(dir, &cgroups.Cgroup{Resources: &cgroups.Resources{}})
	if err == nil {
		err = unix.Rmdir(dir)
	}
	if err != nil {
		hold.Close()
		return nil, fmt.Errorf("prepare cgroup %s: %w", path, err)
	}
	return hold, nil
}

// parents returns the cgroups above p that berth makes and removes itself, innermost first.
func parents(p string) []string {
	parent := path.Dir(p)
	switch {
	case parent == defaultParent:
		return []string{parent}
	case path.Dir(parent) == defaultParent && strings.HasPrefix(path.Base(parent), spaceMark):
		return []string{parent, defaultParent}
	}
	return nil
}

// holdParent keeps the parent of a container's cgroup from being removed by TrimDefault while
// another program has yet to make the cgroup. The hold is a lock on the parent, which ends with the
// process at the latest.
func holdParent(p string) (io.Closer, error) {
	own := parents(p)
	if len(own) == 0 {
		return io.NopCloser(nil), nil
	}
	for {
		for _, parent := range slices.Backward(own) {
			if err := os.Mkdir(filepath.Join(Mount, parent), 0o755); err != nil && !errors.Is(err, os.ErrExist) && !gone(err) {
				return nil, fmt.Errorf("make cgroup %s: %w", parent, err)
			}
		}
		g, err := Open(own[0])
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := g.lock(unix.LOCK_SH); err != nil {
			g.Close()
			return nil, fmt.Errorf("lock cgroup %s: %w", own[0], err)
		}
		if g.Exists() {
			return g, nil
		}
		g.Close() // it was removed before it was locked
	}
}

// TrimDefault removes berth's own parents of a cgroup, if they are empty and no cgroup is about to
// be made in them.
func TrimDefault(p string) {
	for _, parent := range parents(p) {
		g, err := Open(parent)
		if err != nil {
			continue
		}
		if g.lock(unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = g.rmdir()
		}
		g.Close()
	}
}

func (g *Group) lock(how int) error {
	for {
		if err := unix.Flock(g.fd, how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
