package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// defaultParent holds the containers whose config.json names no absolute path.
const defaultParent = "/berth"

// holdParent keeps the parent of a container's cgroup from being trimmed while
// the cgroup is not there yet, as another program is about to make it. The hold
// is a lock of the parent, which ends with the process at the latest.
func holdParent(p string) (io.Closer, error) {
	if path.Dir(p) != defaultParent {
		return io.NopCloser(nil), nil
	}
	dir := filepath.Join(Mount, defaultParent)
	for {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("make cgroup %s: %w", defaultParent, err)
		}
		f, err := os.Open(dir)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open cgroup %s: %w", defaultParent, err)
		}
		if err := lock(f, unix.LOCK_SH); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock cgroup %s: %w", defaultParent, err)
		}
		held, err := f.Stat()
		if now, nowErr := os.Stat(dir); err == nil && nowErr == nil && os.SameFile(held, now) {
			return f, nil
		}
		f.Close() // removed before it was locked
	}
}

// TrimDefault removes the parent of a cgroup that was placed by default, if it
// was the last one there and none is about to be made.
func TrimDefault(p string) {
	if path.Dir(p) != defaultParent {
		return
	}
	f, err := os.Open(filepath.Join(Mount, defaultParent))
	if err != nil {
		return
	}
	defer f.Close()
	if lock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = unix.Rmdir(f.Name())
	}
}

func lock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
