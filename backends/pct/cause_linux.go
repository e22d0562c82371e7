package pct

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// startReason returns what LXC said: in LXC's log, or, if LXC failed before it read the
// configuration that names the log, on the stderr that Proxmox VE keeps.
func startReason(j *enclosure.Job, vmid int) string {
	return lxcconf.Said(j.LogFile(), fmt.Sprintf("/run/pve/ct-%d.stderr", vmid))
}

// startError adds to an error of pct start what LXC said, and why, as far as the host shows it.
func (e *Enclosure) startError(j *enclosure.Job, said string, err error) error {
	if !errors.Is(err, ErrStart) {
		return err
	}
	if said != "" {
		err = fmt.Errorf("%w: LXC says: %s", err, said)
	}
	cause := lxcconf.Cause(j)
	if cause == nil {
		cause = mountPoints(rootfs(j), j.UIDMap, j.GIDMap)
	}
	if cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	if lines := e.lines(j.Spec); len(lines) > 0 {
		return fmt.Errorf("%w (pct.lxc-lines of berth's configuration adds %q, which may be the cause)", err, lines)
	}
	return err
}

// mountPoints returns why LXC cannot mount on /dev, /proc and /sys of a root file system; nil if it
// should be able to. LXC makes a directory that is missing, as the container's root user. uids and
// gids are the ID maps of the container's user namespace; they are empty if it is in the host's. An
// access control list can permit more than mountPoints sees, so it is for the error after a start
// has failed.
func mountPoints(root string, uids, gids []specs.LinuxIDMapping) error {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return spec.Fieldf("root.path", "open %s: %w", root, err)
	}
	defer unix.Close(fd)
	var top unix.Stat_t
	var fs unix.Statfs_t
	if err := errors.Join(unix.Fstat(fd, &top), unix.Fstatfs(fd, &fs)); err != nil {
		return spec.Fieldf("root.path", "stat %s: %w", root, err)
	}
	uid, _ := namespace.HostID(0, uids)
	if !permitted(&top, search, uids, gids) {
		return spec.Fieldf("root.path", "the container's root user, %d on this host, cannot enter %s, "+
			"which belongs to %d:%d and has mode %04o: give it to that user, or chmod o+x",
			uid, root, top.Uid, top.Gid, top.Mode&0o7777)
	}
	for _, name := range []string{"dev", "proc", "sys"} {
		var st unix.Stat_t
		err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		switch {
		case err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR:
			return spec.Fieldf("root.path", "LXC mounts on /%s, which is no directory in %s: make it one", name, root)
		case err == nil:
		case fs.Flags&unix.ST_RDONLY != 0:
			return spec.Fieldf("root.path", "LXC mounts on /%s, which is not there in %s, "+
				"and the file system is read-only: make the directory in the image", name, root)
		case !permitted(&top, search|write, uids, gids):
			return spec.Fieldf("root.path", "LXC mounts on /%s, which is not there in %s, "+
				"and the container's root user, %d on this host, cannot make it: make the directory in the image",
				name, root, uid)
		}
	}
	return nil
}

// The bits of a mode for a user who is neither the owner nor in the group.
const search, write = 0o1, 0o2

// permitted reports whether the root user of a user namespace with these ID maps has permissions for
// a file. It has all if the file's owner and group are mapped (user_namespaces(7)).
func permitted(st *unix.Stat_t, bits uint32, uids, gids []specs.LinuxIDMapping) bool {
	if len(uids) == 0 || mapped(uids, st.Uid) && mapped(gids, st.Gid) {
		return true
	}
	uid, _ := namespace.HostID(0, uids)
	gid, _ := namespace.HostID(0, gids)
	mode := st.Mode
	switch {
	case st.Uid == uid:
		mode >>= 6
	case st.Gid == gid:
		mode >>= 3
	}
	return mode&bits == bits
}

// mapped reports whether an ID map maps an ID to the host's ID.
func mapped(list []specs.LinuxIDMapping, host uint32) bool {
	for _, m := range list {
		if host >= m.HostID && host-m.HostID < m.Size {
			return true
		}
	}
	return false
}
