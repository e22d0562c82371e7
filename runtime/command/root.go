package command

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/moby/sys/userns"
)

// defaultRoot returns the default state directory: /run/berth (/var/run/berth on FreeBSD), or a
// directory in XDG_RUNTIME_DIR for a user without root's rights on the host, if that variable is
// set. As in runc, root in a user namespace counts as such a user unless USER is root.
func defaultRoot() string {
	system := "/run/berth"
	if runtime.GOOS == "freebsd" {
		system = "/var/run/berth"
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	switch {
	case dir == "":
		return system
	case os.Geteuid() == 0 && (os.Getenv("USER") == "root" || !userns.RunningInUserNS()):
		return system
	}
	return filepath.Join(dir, "berth")
}
