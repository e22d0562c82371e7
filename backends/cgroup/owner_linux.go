package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// delegated is the file that lists which files of a cgroup belong to the user it is delegated to
// (cgroups(7), "Cgroup delegation").
const delegated = "/sys/kernel/cgroup/delegate"

// Own changes the owner of a cgroup, named relative to Mount, to a user ID of the host. It changes
// the directory and the files that the kernel lists as delegated. The limits stay root's. Files
// that the cgroup does not have are skipped.
func Own(p string, uid uint32) error {
	files := "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n"
	if data, err := os.ReadFile(delegated); err == nil {
		files = string(data)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dir, err := unix.Open(filepath.Join(Mount, p), unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", p, err)
	}
	defer unix.Close(dir)
	for _, name := range append(strings.Fields(files), "") {
		err := unix.Fchownat(dir, name, int(uid), -1, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
		if err != nil && !(errors.Is(err, unix.ENOENT) && name != "") {
			return fmt.Errorf("chown %s to user %d: %w", filepath.Join(Mount, p, name), uid, err)
		}
	}
	return nil
}
