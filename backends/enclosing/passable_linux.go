package enclosing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// runtimeDir is where berth may widen a directory: what is there is made by
// programs as they run, and gone with the host's next start.
const runtimeDir = "/run/"

// passable sees to it that the mapped root of a user namespace can pass through
// the directories on the way to the stub init, which it cannot list. berth makes
// them so; but an engine can give several runtimes one state directory, and
// crun and runc make it for root alone (0700) if they come first.
func (j *Job) passable() error {
	if mappedRoot, _ := HostID(0, j.UIDMap); mappedRoot == 0 {
		return nil
	}
	for dir := j.Root; dir != "/"; dir = filepath.Dir(dir) {
		if err := passableDir(dir); err != nil {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	return nil
}

const search = 0o011

func passableDir(dir string) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Mode&0o001 != 0 {
		return nil
	}
	if st.Uid != 0 || !strings.HasPrefix(dir, runtimeDir) {
		return &os.PathError{Op: "pass through", Path: dir,
			Err: errors.New("a container in a user namespace needs this directory to be searchable for others: chmod o+x, or choose another --root")}
	}
	if err := unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), st.Mode&0o7777|search, 0); err != nil {
		return &os.PathError{Op: "chmod", Path: dir, Err: err}
	}
	return nil
}
