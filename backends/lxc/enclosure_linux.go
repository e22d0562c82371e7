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
// namespaces, of which the init process's are joined; the stub init as its init; and the
// ways in which one end takes the other with it. The stub init's directory is
// mounted at the path at, inside the container's first root; mountOptions are
// added to the mount's.
func Inside(c *Config, j *enclosing.Job, at, mountOptions string) error {
	if err := CheckPath(j.Dir); err != nil {
		return err
	}
	namespaces(c, j)
	c.IDMap(j.UIDMap, j.GIDMap)
	c.Setf("lxc.mount.entry", "%s %s none bind,ro%s 0 0", j.StubInitDir(), strings.TrimPrefix(at, "/"), mountOptions)
	c.Set("lxc.init.cwd", at)
	c.Setf("lxc.init.cmd", "./%s %s", enclosing.StubInitFile, enclosing.StubInitSocket)
	c.From(stopSignalFrom(j.Annotations)).Setf("lxc.signal.halt", "%d", spec.StopSignal(j.Annotations))
	c.Set("lxc.tty.max", "0")
	c.Set("lxc.pty.max", "0")
	c.Set("lxc.console.path", "none")
	c.Set("lxc.log.file", j.LogFile())
	c.Set("lxc.log.level", "ERROR")

	// Whoever stops the enclosure from outside ends the container's process
	// too, which is not LXC's child.
	// LXC removes the cgroup right after, once, so the hook waits, 1 s at most,
	// for the first line of cgroup.events to be "populated 0". Whoever watches
	// for the kernel's OOM kills, as containerd's shim, reads their count after
	// it was told of a change, and runc leaves the cgroup until delete. The hook is
	// in it for as long, or systemd would remove the scope around it.
	c.Set("lxc.hook.stop", Hook("cd "+cgroupLink(j)+" 2>/dev/null || exit 0; "+unlessEnded(j)+"{ echo 1 >cgroup.kill; n=0; "+
		"while read -r k v <cgroup.events && [ $v = 1 ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.01; done; }; "+
		"grep -q \"^oom_kill [1-9]\" memory.events 2>/dev/null && { echo 0 >cgroup.procs; sleep 1; } 2>/dev/null; exit 0"))
	return nil
}

// unlessEnded begins what the stop hook does only if LXC was told to stop, and not
// if the container's process has ended: in a pid namespace that is not the
// container's own, others may outlive that until delete, as under runc.
// The kernel says Z, too, of a process whose first thread alone has ended.
func unlessEnded(j *enclosing.Job) string {
	if j.OwnPIDs() {
		return ""
	}
	return "s=x; [ -L " + j.ProcessLink() + " ] && s=$(cat " + filepath.Join(j.ProcessLink(), "status") + " 2>/dev/null); " +
		"[ -z \"$s\" ] || { echo \"$s\" | grep -q \"^State:.[XZ]\" && echo \"$s\" | grep -q \"^Threads:.1$\"; } || "
}

// cgroupLink leads to the container's cgroup, whose name comes from config.json:
// the stop hook's shell sees the link only.
func cgroupLink(j *enclosing.Job) string { return filepath.Join(j.Dir, "cgroup") }

// LinkCgroup makes what the stop hook looks for.
func LinkCgroup(j *enclosing.Job) error {
	err := os.Symlink(filepath.Join(cgroup.Mount, j.Data.Cgroup), cgroupLink(j))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("LXC config: %w", err)
	}
	return nil
}

// stopSignalFrom is the JSON path of the stop signal; "" where it is the default.
func stopSignalFrom(annotations map[string]string) string {
	if _, ok := annotations[spec.StopSignalAnnotation]; !ok {
		return ""
	}
	return fmt.Sprintf("annotations[%q]", spec.StopSignalAnnotation)
}

// Hook is a shell script as the value of a lxc.hook key. LXC hands the value to
// a shell, behind an exec or not as its version goes, and appends arguments,
// which become the script's.
func Hook(script string) string { return "/bin/sh -c '" + script + "'" }

// namespaces: what is new LXC makes, what has a path it joins, the rest is the
// host's. The user namespace is the init process's, made or joined, and a new pid namespace.
// In a cgroup namespace with a path the init process is without LXC, which takes the path
// and makes a new one, and so it is in those that belong to another user namespace, which
// LXC could not join.
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
			if j.JoinedBeforeFork(ns.kind) {
				continue
			}
			c.From(namespaceFrom(j.Spec, ns.kind)).Set("lxc.namespace.share."+ns.name, path)
		}
	}
	c.From("linux.namespaces").Set("lxc.namespace.clone", clone)
	if j.OwnPIDs() {
		c.From(namespaceFrom(j.Spec, specs.PIDNamespace)).Set("lxc.namespace.share.pid", j.InitFile("ns/pid"))
	}
	if len(j.UIDMap) > 0 {
		c.From(namespaceFrom(j.Spec, specs.UserNamespace)).Set("lxc.namespace.share.user", j.InitFile("ns/user"))
	}
}

// namespaceFrom is the JSON path of a namespace.
func namespaceFrom(s *specs.Spec, t specs.LinuxNamespaceType) string {
	for i, ns := range s.Linux.Namespaces {
		if ns.Type == t {
			return fmt.Sprintf("linux.namespaces[%d]", i)
		}
	}
	return "linux.namespaces"
}
