package runtime

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/google/renameio/v2"
)

// writePidFile writes the pid in one step, by a rename: a process that waits for the file never
// sees an empty one.
func writePidFile(path string, pid int) error {
	err := renameio.WriteFile(path, []byte(strconv.Itoa(pid)), 0o666, renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return fmt.Errorf("--pid-file: %w", err)
	}
	return nil
}

// owner returns the name of the user that berth runs as, or the uid if the user has no name.
func owner() string {
	u, err := user.Current()
	if err != nil {
		return strconv.Itoa(os.Getuid())
	}
	return u.Username
}
