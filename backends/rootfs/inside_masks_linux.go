package rootfs

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// protect makes one path read-only. It mounts a copy of the mount at the path, with everything
// below it, over the path and makes the copy's top mount read-only. A missing path is ignored.
func (r *Root) protect(name string) error {
	target, err := r.tree.open(name, lookup{})
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(target.fd)
	tree, err := openTreeClone(target.fd, "", true, true)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(tree)
	if err := setAttr(tree, unix.MOUNT_ATTR_RDONLY, 0, false); err != nil {
		return err
	}
	return moveMount(tree, target.fd)
}

// isMissing reports whether an error means that a path does not exist.
func isMissing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}

// mask hides linux.maskedPaths: it covers files with /dev/null and directories with one empty
// read-only tmpfs.
func (r *Root) mask() error {
	if len(r.plan.MaskedPaths) == 0 {
		return nil
	}
	null, err := r.openNull()
	if err != nil {
		return &spec.FieldError{Path: "linux.maskedPaths", Err: err}
	}
	defer unix.Close(null)
	m := masks{null: null, empty: -1, label: r.plan.MountLabel}
	defer m.close()
	done := map[string]bool{}
	for i, name := range r.plan.MaskedPaths {
		if done[path.Clean(name)] {
			continue
		}
		done[path.Clean(name)] = true
		if err := m.cover(r.tree, name); err != nil {
			return &spec.FieldError{Path: fmt.Sprintf("linux.maskedPaths[%d]", i), Value: name, Err: err}
		}
	}
	return nil
}

// masks holds the mounts that cover masked paths.
type masks struct {
	null  int // the container's /dev/null
	empty int // the first tmpfs, already attached; -1 if there is none yet
	label string
}

func (m *masks) close() {
	if m.empty >= 0 {
		unix.Close(m.empty)
	}
}

func (m *masks) cover(t tree, name string) error {
	target, err := t.open(name, lookup{})
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(target.fd)
	st, err := fstat(target.fd)
	if err != nil {
		return err
	}
	switch {
	case !isType(st.Mode, unix.S_IFDIR):
		return putCopy(m.null, target.fd)
	case m.empty >= 0:
		return putCopy(m.empty, target.fd)
	}
	if m.empty, err = emptyTmpfs(m.label); err != nil {
		return err
	}
	return moveMount(m.empty, target.fd)
}

func putCopy(of, target int) error {
	tree, err := openTreeClone(of, "", false, true)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(tree)
	return moveMount(tree, target)
}

// emptyTmpfs makes a read-only tmpfs that has room for its root directory only. Some kernels
// require room for one more inode.
func emptyTmpfs(label string) (int, error) {
	make := func(inodes string) (int, error) {
		return newFilesystem("tmpfs", "tmpfs", withLabel("tmpfs", label, []Param{
			{Key: "ro", Flag: true}, {Key: "nr_blocks", Value: "1"}, {Key: "nr_inodes", Value: inodes},
		}), unix.MOUNT_ATTR_RDONLY)
	}
	fd, err := make("1")
	if errors.Is(err, unix.EINVAL) {
		return make("2")
	}
	return fd, err
}
