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

	"golang.org/x/sys/unix"
)

// defaultParent is the parent cgroup of containers whose config.json has no absolute cgroupsPath.
const defaultParent = "/berth"

// spaceMark is the prefix of the cgroups in defaultParent that are made for a Default.Space.
const spaceMark = "@"

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
		dir := filepath.Join(Mount, own[0])
		f, err := os.Open(dir)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open cgroup %s: %w", own[0], err)
		}
		if err := lock(f, unix.LOCK_SH); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock cgroup %s: %w", own[0], err)
		}
		held, err := f.Stat()
		if now, nowErr := os.Stat(dir); err == nil && nowErr == nil && os.SameFile(held, now) {
			return f, nil
		}
		f.Close() // it was removed before it was locked
	}
}

// TrimDefault removes berth's own parents of a cgroup, if they are empty and no cgroup is about to
// be made in them.
func TrimDefault(p string) {
	for _, parent := range parents(p) {
		f, err := os.Open(filepath.Join(Mount, parent))
		if err != nil {
			continue
		}
		if lock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = unix.Rmdir(f.Name())
		}
		f.Close()
	}
}

func lock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
