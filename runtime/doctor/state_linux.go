package doctor

import "golang.org/x/sys/unix"

// inMemory says whether a file system goes with the host's memory.
func inMemory(fs *unix.Statfs_t) bool {
	return fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC
}
