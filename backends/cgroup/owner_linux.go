package cgroup

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// delegated is the file that lists which files of a cgroup belong to the user it is delegated to
// (cgroups(7), "Cgroup delegation").
const delegated = "/sys/kernel/cgroup/delegate"

// Own changes the owner of the cgroup to a user ID of the host. It changes the directory and the
// files that the kernel lists as delegated. The limits stay root's. Files that the cgroup does not
// have are skipped.
func (g *Group) Own(uid uint32) error {
	files := "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n"
	if data, err := os.ReadFile(delegated); err == nil {
		files = string(data)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, name := range append(strings.Fields(files), "") {
		err := unix.Fchownat(g.fd, name, int(uid), -1, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
		if err != nil && !(errors.Is(err, unix.ENOENT) && name != "") {
			return fmt.Errorf("chown %s to user %d: %w", g.file(name), uid, err)
		}
	}
	return nil
}
