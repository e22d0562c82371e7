package lxcconf

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/spec"
)

// Common adds the lines that all of berth's LXC containers share: the namespaces (LXC joins those
// of the init process), the ID maps, the stub init as LXC's init, and a stop hook. at is where the
// stub init's directory is mounted in LXC's root. mountOptions are added to the options of that
// mount; they are empty or begin with a comma. If CheckPath refuses the container's state
// directory, Common keeps that error, which Write returns.
func (c *Config) Common(j *enclosure.Job, at, mountOptions string) {
	if err := CheckPath(j.Dir); err != nil {
		c.fail(err)
		return
	}
	c.namespaces(j)
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
	c.Set("lxc.hook.stop", Hook(stop(j)))
}

// stopSignalFrom returns the JSON path of the stop signal; "" if the signal is the default.
func stopSignalFrom(annotations map[string]string) string {
	if _, ok := annotations[spec.StopSignalAnnotation]; !ok {
		return ""
	}
	return fmt.Sprintf("annotations[%q]", spec.StopSignalAnnotation)
}

// created returns the types of namespaces that LXC creates because config.json asks for new ones.
// Beside these LXC always creates a mount namespace, and joins the init process's user and pid
// namespace.
func created(j *enclosure.Job) []specs.LinuxNamespaceType {
	return slices.DeleteFunc(slices.Clone(namespace.Joinable), func(t specs.LinuxNamespaceType) bool {
		_, kind := j.Namespace(t)
		return kind != spec.New
	})
}

// namespaces adds the lines for namespaces. LXC creates those that are new, joins those with a
// path, and leaves the container in the host's others. It joins the init process's user namespace,
// and its pid namespace if that is new. LXC's names for namespaces are the kernel's.
//
// The init process itself joins some namespaces with a path, without LXC: those that belong to
// another user namespace, which LXC could not join, and a cgroup namespace, because LXC would
// create a new one from the path.
func (c *Config) namespaces(j *enclosure.Job) {
	for _, t := range namespace.Joinable {
		if path, kind := j.Namespace(t); kind == spec.Path && !j.JoinedBeforeFork(t) {
			c.From(namespace.Field(j.Spec, t)).Set("lxc.namespace.share."+namespace.Files[t], path)
		}
	}
	clone := "mnt"
	for _, t := range created(j) {
		clone += " " + namespace.Files[t]
	}
	c.From("linux.namespaces").Set("lxc.namespace.clone", clone)
	if j.OwnPIDs() {
		c.From(namespace.Field(j.Spec, specs.PIDNamespace)).Set("lxc.namespace.share.pid", j.InitFile("ns/pid"))
	}
	if len(j.UIDMap) > 0 {
		c.From(namespace.Field(j.Spec, specs.UserNamespace)).Set("lxc.namespace.share.user", j.InitFile("ns/user"))
	}
}
