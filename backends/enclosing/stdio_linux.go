package enclosing

import (
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// givePipes gives the pipes among stdin, stdout and stderr to the user of a process in a user namespace: a pipe of the
// host's root could not be opened again there through /proc/self/fd (what /dev/stderr is), and the process cannot change its
// owner, who is not mapped (user_namespaces(7)). Nothing else changes its owner: a file, a FIFO with a name and a device
// are somebody's.
func givePipes(stdio [3]*os.File, uid uint32, maps []specs.LinuxIDMapping) error {
	host, mapped := HostID(uid, maps)
	if !mapped {
		return nil // who becomes the user says so in better words
	}
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		fd := int(stdio[i].Fd())
		if pipe, err := isPipe(fd); err != nil {
			return &os.PathError{Op: "fstatfs", Path: name, Err: err}
		} else if !pipe {
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return &os.PathError{Op: "fstat", Path: name, Err: err}
		}
		if int(st.Uid) != os.Geteuid() {
			continue // the engine has given it to somebody
		}
		if err := unix.Fchown(fd, int(host), -1); err != nil {
			return fmt.Errorf("give the pipe on %s to process.user.uid %d: %w", name, uid, err)
		}
	}
	return nil
}

// isPipe says whether a descriptor is of a pipe without a name.
func isPipe(fd int) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return false, err
	}
	return st.Type == unix.PIPEFS_MAGIC, nil
}
