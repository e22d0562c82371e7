//go:build unix

package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// entry applies one entry of the archive.
func (a *applier) entry(h *tar.Header, data io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := clean(h.Name)
	if err != nil {
		return err
	}
	if base := path.Base(name); strings.HasPrefix(base, whiteoutPrefix) {
		return a.whiteout(path.Dir(name), base)
	}
	if inMeta(name) {
		return nil
	}
	if h.Uid < 0 || h.Gid < 0 || int64(h.Uid) >= math.MaxUint32 || int64(h.Gid) >= math.MaxUint32 {
		return hostile("owner %d:%d is not a valid uid and gid", h.Uid, h.Gid)
	}
	if name == "." && h.Typeflag != tar.TypeDir {
		return hostile("the root must be a directory")
	}
	if h.Typeflag == tar.TypeLink {
		return a.link(name, h.Linkname)
	}
	p, err := a.find(name, true)
	if err != nil {
		return err
	}
	if name != "." {
		if err := a.changing(p.dir, p.parent); err != nil {
			return err
		}
	}
	defer a.touch(p.real)
	switch h.Typeflag {
	case tar.TypeDir:
		return a.directory(p, h)
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return a.file(p, h, data)
	case tar.TypeSymlink:
		return a.node(p, h, func() error { return unix.Symlinkat(h.Linkname, p.dir, p.name) })
	case tar.TypeFifo:
		return a.node(p, h, func() error { return makeNode(p, unix.S_IFIFO|0o600, 0, 0) })
	case tar.TypeChar, tar.TypeBlock:
		return a.device(p, h)
	}
	return hostile("type %q is not allowed in a layer", h.Typeflag)
}

// inMeta reports whether a name belongs to AUFS's own directories. Engines skip those too.
func inMeta(name string) bool {
	return strings.HasPrefix(name, whiteoutMeta) || strings.Contains(name, "/"+whiteoutMeta)
}

// replacing calls f. If f fails with EEXIST, replacing removes the existing file and calls f again.
func (a *applier) replacing(p place, f func() error) error {
	err := f()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := a.remove(p); err != nil {
		return err
	}
	return f()
}

// directory creates a directory. An existing directory keeps its entries and gets all its
// attributes anew.
func (a *applier) directory(p place, h *tar.Header) error {
	existed := p.name == "."
	if !existed {
		var st unix.Stat_t
		err := unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
		existed = err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	if !existed {
		if err := a.replacing(p, func() error { return unix.Mkdirat(p.dir, p.name, 0o700) }); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	a.times[p.real] = timespec(h.ModTime)
	if err := unix.Fchownat(p.dir, p.name, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set owner: %w", ownerError(err))
	}
	if err := unix.Fchmodat(p.dir, p.name, mode(h), 0); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return setXattrs(p, -1, xattrs(h), existed)
}

// link creates a hard link to a file from an earlier entry or a lower layer.
func (a *applier) link(name, to string) error {
	target, err := clean(to)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", to, err)
	}
	from, err := a.find(target, false)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", to, err)
	}
	// The next call of find may close from.dir.
	dir, err := unix.FcntlInt(uintptr(from.dir), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", to, err)
	}
	defer unix.Close(dir)
	p, err := a.find(name, true)
	if err != nil {
		return err
	}
	if p.real == from.real {
		return hostile("it is a hard link to itself")
	}
	if err := a.changing(p.dir, p.parent); err != nil {
		return err
	}
	if err := a.replacing(p, func() error { return unix.Linkat(dir, from.name, p.dir, p.name, 0) }); err != nil {
		return fmt.Errorf("hard link to %q: %w", to, err)
	}
	a.touch(p.real)
	return nil
}

// node creates a file without content by calling f and then sets its attributes.
func (a *applier) node(p place, h *tar.Header, f func() error) error {
	if err := a.replacing(p, f); err != nil {
		return err
	}
	if err := unix.Fchownat(p.dir, p.name, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set owner: %w", ownerError(err))
	}
	if h.Typeflag != tar.TypeSymlink {
		if err := unix.Fchmodat(p.dir, p.name, mode(h), 0); err != nil {
			return fmt.Errorf("set mode: %w", err)
		}
	}
	if err := setXattrs(p, -1, xattrs(h), false); err != nil {
		return err
	}
	return setTime(p, h)
}

func (a *applier) device(p place, h *tar.Header) error {
	if !a.options.Devices {
		return hostile("it is a device node: images do not need device nodes, and --devices allows them")
	}
	kind := uint32(unix.S_IFCHR)
	if h.Typeflag == tar.TypeBlock {
		kind = unix.S_IFBLK
	}
	if h.Devmajor < 0 || h.Devminor < 0 || h.Devmajor > 0xfff || h.Devminor > 0xfffff {
		return hostile("device number %d:%d is not valid", h.Devmajor, h.Devminor)
	}
	return a.node(p, h, func() error { return makeNode(p, kind|0o600, h.Devmajor, h.Devminor) })
}

func mode(h *tar.Header) uint32 { return uint32(h.Mode) & 0o7777 }

func setTime(p place, h *tar.Header) error {
	mtime := timespec(h.ModTime)
	if err := unix.UtimesNanoAt(p.dir, p.name, []unix.Timespec{mtime, mtime}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set time: %w", err)
	}
	return nil
}

func setDirTime(fd int, mtime unix.Timespec) error {
	return unix.UtimesNanoAt(fd, ".", []unix.Timespec{mtime, mtime}, 0)
}
