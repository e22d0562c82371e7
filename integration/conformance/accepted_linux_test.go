//go:build linux && integration

package conformance

import "path"

// acceptance is a reason why some facts need be neither as under runc nor as under crun.
type acceptance struct {
	// trials and keys are patterns of path.Match, in which * does not match a slash. An empty
	// pattern matches everything.
	trials, keys string
	// runtime is a backend, or empty for all.
	runtime string
	why     string
}

const noClone3 = "In a network namespace in which LXC's monitors listen, clone3 is answered with ENOSYS: no process is born outside of the cgroup that LXC's command sockets are kept from."

// accepted are the accepted differences of TestDifferential. An entry that no difference uses fails
// the test.
var accepted = []acceptance{
	{keys: "processes", why: "LXC's init, the stub init, is one task of the container's pid namespace."},
	{trials: "linux.namespaces without cgroup", keys: "cgroup", runtime: "berth-pct", why: "Proxmox VE's statistics come from lxc/VMID: linux.cgroupsPath does not apply."},
	{trials: "linux.namespaces by path*, cgroup", keys: "cgroup", runtime: "berth-pct", why: "Proxmox VE's statistics come from lxc/VMID: linux.cgroupsPath does not apply."},
	{trials: "linux.namespaces *network", keys: "prctl seccomp", why: noClone3},
	{trials: "linux.namespaces *network", keys: "status Seccomp*", why: noClone3},
	{trials: "hostname *", keys: "hostname", runtime: "berth-pct", why: "Every CT of Proxmox VE's has a name; without one in config.json it is the container's id."},
	{trials: "hostname *", keys: "sysctl kernel/hostname", runtime: "berth-pct", why: "Every CT of Proxmox VE's has a name; without one in config.json it is the container's id."},
	{trials: "process.apparmorProfile, unconfined", keys: "outcome", why: "Without AppArmor every process is unconfined: what is asked for is so."},
	{trials: "process.capabilities effective alone, uid *", keys: "outcome",
		why: "config.md, Linux Process: a capability that cannot be granted MUST be logged as a warning; the peers fail."},
	{trials: "process.rlimits twice", keys: "outcome", why: "config.md, POSIX process: duplicated entries with the same type MUST generate an error."},
	{trials: "mounts none", keys: "outcome", why: "config.md, Mounts: the field is OPTIONAL; crun wants it, runc wants a /proc to read from."},
	{trials: "mounts bind r[ow]", keys: "outcome", why: "The type bind says what is meant; to the peers it is a file system that no kernel has."},
	{trials: "mounts bind type and no option", keys: "outcome", why: "The type bind says what is meant; to the peers it is a file system that no kernel has."},
	{trials: "mounts bind bind,remount,ro", keys: "outcome", why: "The mount and its change in one entry have one meaning; the peers fail at the change."},
	{trials: "linux.devices with setuid bits", keys: "file /dev/x", why: "config-linux.md, Devices: fileMode is the mode; the peers lose its bits by a later chown."},
	{trials: "linux.readonlyPaths the root", why: "It is read-only; under runc the root stays writable, crun refuses it."},
	{trials: "linux.maskedPaths in a read-only one", why: "It is masked once, and stays read-only; runc refuses it, under crun the mask is writable."},
	{trials: "linux.uidMappings without a user namespace", keys: "outcome", why: "A field that cannot be honoured is an error (config.md, Linux); the peers ignore it."},
	{trials: "linux.personality LINUX*", keys: "outcome", why: "config-linux.md, Personality: currently no flag values are supported; the peers ignore them."},
	{trials: "linux.*Paths relative", keys: "outcome", why: "config-linux.md: the values MUST be absolute paths in the container namespace."},
	{trials: "ociVersion = *", keys: "outcome", why: "config.md, Specification version: it is REQUIRED and MUST be in SemVer v2.0.0 format; the peers do not look."},
	{trials: "linux.sysctl = *", keys: "outcome", why: "A name with an empty part is none; the peers write to another file than the name says."},
}

func (d difference) isMeantBy(a acceptance) bool {
	match := func(pattern, text string) bool {
		ok, err := path.Match(pattern, text)
		return pattern == "" || err == nil && ok
	}
	return match(a.trials, d.trial) && match(a.keys, d.key) && (a.runtime == "" || a.runtime == d.runtime)
}

// acceptedWithControllers are the accepted differences of TestControllers.
var acceptedWithControllers = []acceptance{
	{keys: "processes", why: "LXC's init, the stub init, is one task of the container's pid namespace."},
}
