package namespace

import (
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// GivePipes makes the user of a process in a user namespace the owner of the pipes among stdin,
// stdout and stderr. If root on the host owned a pipe, the process could not open it again through
// /proc/self/fd, to which /dev/stderr leads. Nor could the process change the owner, who is not
// mapped (user_namespaces(7)). Files, named FIFOs and devices keep their owner, because they belong
// to somebody.
func GivePipes(stdio [3]*os.File, uid uint32, maps []specs.LinuxIDMapping) error {
	host, mapped := HostID(uid, maps)
	if !mapped {
		return nil // the change of user fails later, with a better message
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
			return fmt.Errorf("change the owner of the pipe on %s to process.user.uid %d: %w", name, uid, err)
		}
	}
	return nil
}

// isPipe reports whether a descriptor is a pipe without a name.
func isPipe(fd int) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return false, err
	}
	return st.Type == unix.PIPEFS_MAGIC, nil
}
