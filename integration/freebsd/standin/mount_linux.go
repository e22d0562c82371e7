package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// flags maps the options of every file system to Linux's flags. Options without a Linux flag are 0.
var flags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "rdonly": unix.MS_RDONLY, "rw": 0, "noexec": unix.MS_NOEXEC, "exec": 0, "nosuid": unix.MS_NOSUID, "suid": 0,
	"noatime": unix.MS_NOATIME, "atime": 0, "async": 0, "noasync": 0, "sync": 0, "nosymfollow": 0, "symfollow": 0, "union": 0,
	"nocover": 0, "cover": 0, "emptydir": 0, "acls": 0, "noacls": 0, "nfsv4acls": 0, "nonfsv4acls": 0, "multilabel": 0, "nomultilabel": 0,
}

// own maps the file systems to the options that they add.
var own = map[string][]string{
	"nullfs": {"cache", "nocache", "nounixbypass", "unixbypass"},
	"tmpfs":  {"size", "mode", "uid", "gid", "inodes", "maxfilesize", "easize", "export", "nonc", "pgread"},
	"devfs":  {"ruleset"}, "fdescfs": {"linrdlnk", "rdlnk", "nodup"}, "procfs": {}, "linprocfs": {}, "linsysfs": {},
}

func mount(h *host.Host, args []string) (string, error) {
	m, err := parseMount(args)
	if err != nil {
		return "", err
	}
	if own[m.Kind] == nil {
		return "", fmt.Errorf("%s: Operation not supported by device", m.Source)
	}
	// mount(8) resolves the mount point.
	target, err := filepath.EvalSymlinks(m.Target)
	if err != nil {
		return "", fmt.Errorf("%s: No such file or directory", m.Target)
	}
	m.Target = target
	info, err := os.Stat(target)
	if err != nil {
		return "", err
	}
	if !info.IsDir() && (m.Kind != "nullfs" || h.NoFileMounts) {
		return "", fmt.Errorf("mount_%s: %s: Not a directory", m.Kind, target)
	}
	if err := really(m); err != nil {
		return "", err
	}
	h.Mounts = append(h.Mounts, *m)
	return "", nil
}

func parseMount(args []string) (*host.Mount, error) {
	m := &host.Mount{}
	for len(args) > 2 {
		switch args[0] {
		case "-t":
			m.Kind = args[1]
		case "-o":
			m.Options = strings.Split(args[1], ",")
		default:
			return nil, errors.New("usage: mount [-adflpruvw] [-F fstab] [-o options] [-t ufs | external_type]")
		}
		args = args[2:]
	}
	if len(args) != 2 {
		return nil, errors.New("usage: mount")
	}
	m.Source, m.Target = args[0], args[1]
	for _, o := range m.Options {
		key, _, _ := strings.Cut(o, "=")
		if _, ok := flags[key]; !ok && !slices.Contains(own[m.Kind], key) {
			return nil, fmt.Errorf("mount_%s: mount option <%s> is unknown: Invalid argument", m.Kind, key)
		}
	}
	return m, nil
}

// really makes the Linux mount: a bind mount for nullfs, a tmpfs for the others, with some devices
// for devfs.
func really(m *host.Mount) error {
	var with uintptr
	var data []string
	for _, o := range m.Options {
		with |= flags[o]
		if key, _, _ := strings.Cut(o, "="); m.Kind == "tmpfs" && (key == "size" || key == "mode" || key == "uid" || key == "gid") {
			data = append(data, o)
		}
	}
	if m.Kind != "nullfs" {
		if err := unix.Mount(m.Source, m.Target, "tmpfs", with, strings.Join(data, ",")); err != nil {
			return fmt.Errorf("%s: %w", m.Target, err)
		}
		if m.Kind == "devfs" {
			return devices(m.Target)
		}
		return nil
	}
	err := unix.Mount(m.Source, m.Target, "", unix.MS_BIND, "")
	if err == nil && with != 0 {
		err = unix.Mount("", m.Target, "", unix.MS_BIND|unix.MS_REMOUNT|with, "")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.Source, err)
	}
	return nil
}

func devices(dev string) error {
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		if err := unix.Mknod(filepath.Join(dev, name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			return err
		}
	}
	return os.Mkdir(filepath.Join(dev, "fd"), 0o755)
}

func umount(h *host.Host, args []string) (string, error) {
	if len(args) != 2 || args[0] != "-f" {
		return "", errors.New("usage: umount")
	}
	for i, m := range slices.Backward(h.Mounts) {
		if m.Target != args[1] {
			continue
		}
		// A mount on top of it keeps it busy, even with -f.
		if slices.ContainsFunc(h.Mounts[i+1:], func(upper host.Mount) bool { return strings.HasPrefix(upper.Target, m.Target+"/") }) {
			return "", fmt.Errorf("unmount of %s failed: Device busy", m.Target)
		}
		if err := unix.Unmount(m.Target, unix.MNT_DETACH); err != nil {
			return "", fmt.Errorf("unmount of %s failed: %w", m.Target, err)
		}
		h.Mounts = slices.Delete(h.Mounts, i, i+1)
		return "", nil
	}
	return "", fmt.Errorf("%s: not a file system root directory", args[1])
}
