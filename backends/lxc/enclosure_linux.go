package lxc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/spec"
)

// Inside writes what every LXC container of berth's has in common: the
// namespaces, of which the stage's are joined; the warden as its init; and the
// ways in which one end takes the other with it. The warden's directory is
// mounted at the path at, inside the container's first root; mountOptions are
// added to the mount's.
func Inside(c *Config, j *enclosing.Job, at, mountOptions string) error {
	if err := CheckPath(j.Dir); err != nil {
		return err
	}
	namespaces(c, j)
	c.IDMap(j.UIDMap, j.GIDMap)
	c.Setf("lxc.mount.entry", "%s %s none bind,ro%s 0 0", j.WardenDir(), strings.TrimPrefix(at, "/"), mountOptions)
	c.Set("lxc.init.cwd", at)
	c.Setf("lxc.init.cmd", "./%s %s", enclosing.WardenFile, enclosing.WardenSocket)
	c.Setf("lxc.signal.halt", "%d", spec.StopSignal(j.Annotations))
	c.Set("lxc.tty.max", "0")
	c.Set("lxc.pty.max", "0")
	c.Set("lxc.console.path", "none")
	c.Set("lxc.log.file", j.LogFile())
	c.Set("lxc.log.level", "ERROR")

	// Whoever stops the enclosure from outside ends the container's process
	// too, which is not LXC's child. The cgroup's name comes from config.json,
	// so the shell sees a link to it only.
	link := filepath.Join(j.Dir, "cgroup")
	if err := os.Symlink(filepath.Join(cgroup.Mount, j.Data.Cgroup), link); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("LXC config: %w", err)
	}
	// LXC removes the cgroup right after, once, so the hook waits, 1 s at most,
	// for the first line of cgroup.events to be "populated 0".
	c.Set("lxc.hook.stop", Hook("cd "+link+" 2>/dev/null || exit 0; echo 1 >cgroup.kill; n=0; "+
		"while read -r k v <cgroup.events && [ $v = 1 ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.01; done; exit 0"))
	return nil
}

// Hook is a shell script as the value of a lxc.hook key. LXC hands the value to
// a shell, behind an exec or not as its version goes, and appends arguments,
// which become the script's.
func Hook(script string) string { return "/bin/sh -c '" + script + "'" }

// namespaces: what is new LXC makes, what has a path it joins, the rest is the
// host's. The pid and user namespaces are the stage's, made or joined.
func namespaces(c *Config, j *enclosing.Job) {
	clone := "mnt"
	for _, ns := range []struct {
		kind specs.LinuxNamespaceType
		name string
	}{
		{specs.IPCNamespace, "ipc"},
		{specs.UTSNamespace, "uts"},
		{specs.NetworkNamespace, "net"},
		{specs.CgroupNamespace, "cgroup"},
	} {
		path, kind := j.Namespace(ns.kind)
		switch kind {
		case spec.New:
			clone += " " + ns.name
		case spec.Path:
			c.Set("lxc.namespace.share."+ns.name, path)
		}
	}
	c.Set("lxc.namespace.clone", clone)
	if _, kind := spec.Namespace(j.Spec, specs.PIDNamespace); kind != spec.Host {
		c.Setf("lxc.namespace.share.pid", "/proc/%d/ns/pid", j.Stage)
	}
	if len(j.UIDMap) > 0 {
		c.Setf("lxc.namespace.share.user", "/proc/%d/ns/user", j.Stage)
	}
}
