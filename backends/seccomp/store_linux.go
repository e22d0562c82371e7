package seccomp

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// storeFull is the number of files at which the older half of a store is removed. A file has
	// some 10 KB, and a host has a handful of profiles.
	storeFull = 64
	tempMark  = ".tmp-"
)

// store is a directory of small files that are only replaced as a whole. All access is through the
// directory's descriptor, so the checked directory is the one that is used.
type store struct{ dir int }

func (s *store) close() { _ = unix.Close(s.dir) }

// read returns the content of a file of at most entryMax bytes.
func (s *store) read(name string) ([]byte, error) {
	fd, err := unix.Openat(s.dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("stat %s: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > int64(entryMax) {
		return nil, fmt.Errorf("%s is not a regular file of at most %d bytes", name, entryMax)
	}
	data := make([]byte, st.Size)
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data[:n], nil
}

// write writes a file atomically: a reader sees all of it or nothing.
func (s *store) write(name string, data []byte) error {
	s.thin()
	temp := fmt.Sprintf("%s%016x", tempMark, rand.Uint64())
	fd, err := unix.Openat(s.dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("create %s: %w", temp, err)
	}
	n, err := unix.Write(fd, data)
	if err == nil && n < len(data) {
		err = unix.ENOSPC
	}
	if e := unix.Close(fd); err == nil {
		err = e
	}
	if err == nil {
		err = unix.Renameat(s.dir, temp, s.dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(s.dir, temp, 0)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// thin removes the older half of the files of a full store, including temporary files left by a
// killed writer.
func (s *store) thin() {
	type file struct {
		name string
		time int64
	}
	var files []file
	for _, name := range s.list() {
		var st unix.Stat_t
		if unix.Fstatat(s.dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			files = append(files, file{name, st.Mtim.Nano()})
		}
	}
	if len(files) < storeFull {
		return
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.time, b.time) })
	for _, f := range files[:len(files)/2] {
		_ = unix.Unlinkat(s.dir, f.name, 0)
	}
}

func (s *store) list() []string {
	// Reading the directory needs a new descriptor, because it moves the descriptor's position.
	fd, err := unix.Openat(s.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	var names []string
	buf := make([]byte, 8192)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return names
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}
