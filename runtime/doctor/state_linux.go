package doctor

import "golang.org/x/sys/unix"

// inMemory is true if a reboot empties the file system.
func inMemory(fs *unix.Statfs_t) bool {
	return fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC
}
