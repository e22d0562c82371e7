//go:build unix

package layer

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Pack writes a directory as a tar archive with owners, modes, times, extended attributes and hard
// links. All names begin with "./". Pack does not follow symbolic links below dir, does not enter
// other file systems, and omits sockets.
func Pack(ctx context.Context, dir string, w io.Writer) error {
	fd, err := unix.Open(dir, openDir&^unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer unix.Close(fd)
	p := &packer{ctx: ctx, w: tar.NewWriter(w), links: map[inode]string{}, buffer: make([]byte, copySize)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", dir, err)
	}
	p.device = uint64(st.Dev)
	h := header("./", &st)
	if err := p.xattrs(h, fd, "."); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := p.w.WriteHeader(h); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := p.directory(fd, "."); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return p.w.Close()
}

type inode struct{ device, number uint64 }

type packer struct {
	ctx    context.Context
	w      *tar.Writer
	device uint64
	// links maps each file with several hard links to its first name.
	links  map[inode]string
	buffer []byte
}

func (p *packer) directory(fd int, real string) error {
	names, err := list(fd)
	if err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := p.ctx.Err(); err != nil {
			return context.Cause(p.ctx)
		}
		if err := p.entry(fd, name, path.Join(real, name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) entry(dir int, name, real string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	h := header("./"+real, &st)
	if h == nil {
		return nil
	}
	if h.Typeflag != tar.TypeDir && st.Nlink > 1 {
		id := inode{uint64(st.Dev), st.Ino}
		if first, ok := p.links[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return p.w.WriteHeader(h)
		}
		p.links[id] = h.Name
	}
	if h.Typeflag == tar.TypeSymlink {
		var buffer [unix.PathMax]byte
		n, err := unix.Readlinkat(dir, name, buffer[:])
		if err != nil {
			return fmt.Errorf("%s: %w", real, err)
		}
		h.Linkname = string(buffer[:n])
	}
	if err := p.xattrs(h, dir, name); err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	if h.Typeflag == tar.TypeDir {
		return p.subdirectory(h, dir, name, real, uint64(st.Dev) == p.device)
	}
	if err := p.w.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	return p.content(dir, name, real, h.Size)
}

func (p *packer) subdirectory(h *tar.Header, dir int, name, real string, enter bool) error {
	h.Name += "/"
	if err := p.w.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	if !enter {
		return nil
	}
	fd, err := unix.Openat(dir, name, openDir, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	defer unix.Close(fd)
	return p.directory(fd, real)
}

func (p *packer) content(dir int, name, real string, size int64) error {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	f := os.NewFile(uintptr(fd), real)
	defer f.Close()
	n, err := io.CopyBuffer(onlyWriter{p.w}, onlyReader{io.LimitReader(f, size)}, p.buffer)
	if err == nil && n < size {
		err = fmt.Errorf("the file was truncated while it was read")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", real, err)
	}
	return nil
}

type onlyWriter struct{ io.Writer }

// header returns the tar header for a file, or nil for a socket.
func header(name string, st *unix.Stat_t) *tar.Header {
	h := &tar.Header{
		Name: name, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid), Format: tar.FormatPAX,
		ModTime: time.Unix(st.Mtim.Unix()),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFDIR:
		h.Typeflag = tar.TypeDir
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
	default:
		return nil
	}
	return h
}

func (p *packer) xattrs(h *tar.Header, dir int, name string) error {
	path := fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
	names, err := listXattrs(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !carried(name) {
			continue
		}
		value, err := getXattr(path, name)
		if err != nil {
			return err
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+name] = value
	}
	return nil
}
