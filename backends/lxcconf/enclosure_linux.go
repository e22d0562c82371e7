package lxcconf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/spec"
)

// Inside adds the lines that all of berth's LXC containers share: the namespaces (LXC joins those
// of the init process), the ID maps, the stub init as LXC's init, and a stop hook. at is where the
// stub init's directory is mounted in LXC's root; mountOptions are added to the options of that
// mount. Inside fails if CheckPath refuses the path of the container's state directory.
func Inside(c *Config, j *enclosure.Job, at, mountOptions string) error {
	if err := CheckPath(j.Dir); err != nil {
		return err
	}
	namespaces(c, j)
	c.IDMap(j.UIDMap, j.GIDMap)
	c.Setf("lxc.mount.entry", "%s %s none bind,ro%s 0 0", j.StubInitDir(), strings.TrimPrefix(at, "/"), mountOptions)
	c.Set("lxc.init.cwd", at)
	c.Setf("lxc.init.cmd", "./%s %s", enclosure.StubInitFile, enclosure.StubInitSocket)
	c.From(stopSignalFrom(j.Annotations)).Setf("lxc.signal.halt", "%d", spec.StopSignal(j.Annotations))
	c.Set("lxc.tty.max", "0")
	c.Set("lxc.pty.max", "0")
	c.Set("lxc.console.path", "none")
	c.Set("lxc.log.file", j.LogFile())
	c.Set("lxc.log.level", "ERROR")

	// A stop of the enclosure from outside must end the container's process, too, which is not a
	// child of LXC.
	//
	// LXC tries to remove the cgroup right afterwards, and only once. So the hook waits, for 1 s at
	// most, until the first line of cgroup.events is "populated 0". After an OOM kill it moves
	// itself into the cgroup and sleeps for 1 s: a program that watches for OOM kills, such as
	// containerd's shim, reads the count after it was told of a change, and runc leaves the cgroup
	// until delete. The hook must be in the cgroup because systemd would remove an empty scope.
	c.Set("lxc.hook.stop", Hook("cd "+cgroupLink(j)+" 2>/dev/null || exit 0; "+unlessEnded(j)+"{ echo 1 >cgroup.kill; n=0; "+
		"while read -r k v <cgroup.events && [ $v = 1 ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.01; done; }; "+
		"grep -q \"^oom_kill [1-9]\" memory.events 2>/dev/null && { echo 0 >cgroup.procs; sleep 1; } 2>/dev/null; exit 0"))
	return nil
}

// unlessEnded returns the beginning of the stop hook's script: the rest kills only if LXC was told
// to stop, and not if the container's process has ended. In a pid namespace that is not the
// container's own, other processes may live on until delete, as under runc. State Z alone does not
// mean that the process has ended: the kernel also shows it if only the first thread has.
func unlessEnded(j *enclosure.Job) string {
	if j.OwnPIDs() {
		return ""
	}
	return "s=x; [ -L " + j.ProcessLink() + " ] && s=$(cat " + filepath.Join(j.ProcessLink(), "status") + " 2>/dev/null); " +
		"[ -z \"$s\" ] || { echo \"$s\" | grep -q \"^State:.[XZ]\" && echo \"$s\" | grep -q \"^Threads:.1$\"; } || "
}

// cgroupLink returns the path of a symbolic link to the container's cgroup. The stop hook's shell
// sees only the link, because the cgroup's name comes from config.json.
func cgroupLink(j *enclosure.Job) string { return filepath.Join(j.Dir, "cgroup") }

// LinkCgroup creates the link to the container's cgroup for the stop hook.
func LinkCgroup(j *enclosure.Job) error {
	err := os.Symlink(filepath.Join(cgroup.Mount, j.Data.Cgroup), cgroupLink(j))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("LXC config: %w", err)
	}
	return nil
}

// stopSignalFrom returns the JSON path of the stop signal; "" if the signal is the default.
func stopSignalFrom(annotations map[string]string) string {
	if _, ok := annotations[spec.StopSignalAnnotation]; !ok {
		return ""
	}
	return fmt.Sprintf("annotations[%q]", spec.StopSignalAnnotation)
}

// Hook returns a shell script as the value of an lxc.hook key. LXC passes the value to a shell, in
// some versions after an exec, and appends arguments, which become the script's.
func Hook(script string) string { return "/bin/sh -c '" + script + "'" }

// namespaces adds the lines for namespaces. LXC creates those that are new, joins those with a
// path, and leaves the container in the host's others. It joins the init process's user namespace,
// and its pid namespace if that is new.
//
// The init process itself joins some namespaces with a path, without LXC: those that belong to
// another user namespace, which LXC could not join, and a cgroup namespace, because LXC would
// create a new one from the path.
func namespaces(c *Config, j *enclosure.Job) {
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

// namespaceFrom returns the JSON path of the namespace of a type; "linux.namespaces" if it is not
// listed.
func namespaceFrom(s *specs.Spec, t specs.LinuxNamespaceType) string {
	for i, ns := range s.Linux.Namespaces {
		if ns.Type == t {
			return fmt.Sprintf("linux.namespaces[%d]", i)
		}
	}
	return "linux.namespaces"
}

// CheckCgroup returns an error if LXC would refuse the cgroup path or read another one from its
// configuration. LXC refuses ".." as a way upwards, and strips blanks and quotes around a value.
func CheckCgroup(path string) error {
	if strings.Contains(path, "..") {
		return spec.Fieldf("linux.cgroupsPath", "%q holds two dots in a row, which LXC refuses", path)
	}
	if value := strings.TrimPrefix(path, "/"); value != strings.Trim(value, " \t\"'") {
		return spec.Fieldf("linux.cgroupsPath", "%q begins or ends with a blank or a quote, which LXC would take away", path)
	}
	return nil
}

// RemoveCgroup removes the cgroup that cgroup.Find chose for a container, if it is still the
// container's.
func RemoveCgroup(d *enclosure.Data) error {
	defer cgroup.TrimDefault(d.Limits)
	own := d.Cgrouped()
	if !own && (d.LimitsID != 0 || !d.Claimed) {
		// The cgroup is gone or was never made. One of the same name belongs to another container.
		if d.Scope && d.LimitsID != 0 {
			cgroup.ForgetScope(d.Limits)
		}
		return nil
	}
	place, err := cgroup.At(d.Limits, d.Scope)
	if err != nil {
		return err
	}
	if !own {
		return place.Withdraw()
	}
	return place.Remove()
}
