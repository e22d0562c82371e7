package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// The space and the number of files that the state directory's file system must have free for
// records. A record takes a few kilobytes.
const (
	leastBytes = 1 << 20
	leastFiles = 100
)

// state checks the state directory.
func (d *Doctor) state(context.Context) []backends.Finding {
	const check = "state directory"
	dir := d.Root
	info, err := os.Lstat(dir)
	for errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir) // it is made with the first container
		info, err = os.Lstat(dir)
	}
	if err != nil {
		return []backends.Finding{fail(check, err.Error(), "choose another --root")}
	}
	if !info.IsDir() {
		return []backends.Finding{fail(check, dir+" is not a directory", "remove it, or choose another --root")}
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return []backends.Finding{fail(check, fmt.Sprintf("%s: %v", dir, err), "berth must be able to write there: check that you are root and that the file system is not read-only")}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return []backends.Finding{fail(check, fmt.Sprintf("%s: %v", dir, err), "choose another --root")}
	}
	list := []backends.Finding{d.room(dir, &fs)}
	if !inMemory(&fs) {
		list = append(list, warn(check, d.Root+" is on a disk", "records would survive a reboot, but their containers do not: use a directory on a tmpfs, such as /run"))
	}
	return list
}

func (d *Doctor) room(dir string, fs *unix.Statfs_t) backends.Finding {
	const check = "state directory"
	free := uint64(fs.Bavail) * uint64(fs.Bsize) //nolint:unconvert // their types differ among systems
	if free < leastBytes || fs.Files > 0 && int64(fs.Ffree) < leastFiles {
		return fail(check, fmt.Sprintf("%s: %d kB and %d files are free", dir, free>>10, fs.Ffree), "free some space: no container can be created")
	}
	return pass(check, fmt.Sprintf("%s, %d MB free", d.Root, free>>20))
}
