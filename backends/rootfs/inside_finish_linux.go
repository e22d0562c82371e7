package rootfs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Finish does what has to be done last, after the pivot: it sets the root's propagation, makes a
// missing working directory, makes mounts and the root read-only, writes sysctls, and protects
// read-only and masked paths.
func (r *Root) Finish() error {
	if p := r.plan.RootPropagation; p != 0 {
		if err := setPropagation(int(r.tree), p); err != nil {
			return &spec.FieldError{Path: "linux.rootfsPropagation", Err: err}
		}
	}
	if err := r.makeCwd(); err != nil {
		return &spec.FieldError{Path: "process.cwd", Value: r.plan.Cwd, Err: err}
	}
	for _, m := range r.lateRO {
		if err := setAttr(m.fd, unix.MOUNT_ATTR_RDONLY, 0, false); err != nil {
			return fmt.Errorf("%s: make it read-only: %w", m.what, err)
		}
	}
	if r.plan.RootReadonly {
		if err := setAttr(int(r.tree), unix.MOUNT_ATTR_RDONLY, 0, false); err != nil {
			return &spec.FieldError{Path: "root.readonly", Err: err}
		}
	}
	if err := r.writeSysctls(); err != nil {
		return err
	}
	for i, name := range r.plan.ReadonlyPaths {
		if err := r.protect(name); err != nil {
			return &spec.FieldError{Path: fmt.Sprintf("linux.readonlyPaths[%d]", i), Value: name, Err: err}
		}
	}
	return r.mask()
}

func (r *Root) makeCwd() error {
	if r.plan.Cwd == "" {
		return nil
	}
	return withUmask(0o022, func() error {
		dir, err := r.tree.open(r.plan.Cwd, lookup{missing: missingDir})
		if err != nil {
			return err
		}
		defer unix.Close(dir.fd)
		st, err := fstat(dir.fd)
		if err == nil && !isType(st.Mode, unix.S_IFDIR) {
			err = unix.ENOTDIR
		}
		return err
	})
}

// writeSysctls writes linux.sysctl through r.proc, because the container's own /proc could redirect
// the write.
func (r *Root) writeSysctls() error {
	for _, path := range slices.Sorted(maps.Keys(r.plan.Sysctls)) {
		if err := r.writeSysctl(path, r.plan.Sysctls[path]); err != nil {
			return spec.Fieldf("linux.sysctl", "write %q to /proc/sys/%s: %w", r.plan.Sysctls[path], path, err)
		}
	}
	return nil
}

func (r *Root) writeSysctl(path, value string) error {
	fd, err := openBeneath(r.proc, "sys/"+path, unix.O_WRONLY|unix.O_TRUNC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if is, err := onFilesystem(fd, unix.PROC_SUPER_MAGIC); err != nil || !is {
		return errors.Join(err, fmt.Errorf("is not in a procfs: %w", unix.ENODEV))
	}
	n, err := unix.Write(fd, []byte(value))
	if err == nil && n < len(value) {
		err = unix.EIO
	}
	return err
}
