package create

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
)

// runtimeDir is the only place where berth gives others access to a directory. Programs make what
// is in it as they run, and it is gone after the host's next boot.
const runtimeDir = "/run/"

// passable makes sure that the mapped root of a user namespace can search the directories on the
// way to the stub init. It still cannot list them. berth makes its directories like this, but an
// engine can give several runtimes one state directory. crun and runc make it for root alone (0700)
// if they come first.
func passable(j *enclosure.Job) error {
	if mappedRoot, _ := namespace.HostID(0, j.UIDMap); mappedRoot == 0 {
		return nil
	}
	for dir := j.Root; dir != "/"; dir = filepath.Dir(dir) {
		if err := passableDir(dir); err != nil {
			return fmt.Errorf("check the state directory: %w", err)
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
			Err: errors.New("other users must be able to search this directory for a container in a user namespace: use chmod o+x, or choose another --root")}
	}
	if err := unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), st.Mode&0o7777|search, 0); err != nil {
		return &os.PathError{Op: "chmod", Path: dir, Err: err}
	}
	return nil
}
