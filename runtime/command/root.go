package command

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/moby/sys/userns"
)

// defaultRoot is where records are kept: /run/berth (/var/run/berth on FreeBSD), or for a user without
// root's rights on the host, whom XDG_RUNTIME_DIR gives a place, in there. As in
// runc, root in a user namespace counts as such a user unless it is called so.
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
