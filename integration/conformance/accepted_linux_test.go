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

const noClone3 = "In a network namespace in which LXC's monitors listen, clone3 fails with ENOSYS, so that no process starts outside the cgroup whose BPF programs refuse LXC's command sockets."

// accepted are the accepted differences of TestDifferential. An entry that no difference uses fails
// the test.
var accepted = []acceptance{
	{keys: "processes", why: "LXC's init, the stub init, is one task of the container's pid namespace."},
	{trials: "linux.namespaces without cgroup", keys: "cgroup", runtime: "berth-pct", why: "Proxmox VE's statistics come from lxc/VMID: linux.cgroupsPath does not apply."},
	{trials: "linux.namespaces by path*, cgroup", keys: "cgroup", runtime: "berth-pct", why: "Proxmox VE's statistics come from lxc/VMID: linux.cgroupsPath does not apply."},
	{trials: "linux.namespaces *network", keys: "prctl seccomp", why: noClone3},
	{trials: "linux.namespaces *network", keys: "status Seccomp*", why: noClone3},
	{trials: "hostname *", keys: "hostname", runtime: "berth-pct", why: "Every CT in Proxmox VE has a name. Without a hostname in config.json it is the container's id."},
	{trials: "hostname *", keys: "sysctl kernel/hostname", runtime: "berth-pct", why: "Every CT in Proxmox VE has a name. Without a hostname in config.json it is the container's id."},
	{trials: "process.apparmorProfile, unconfined", keys: "outcome", why: "Without AppArmor every process is unconfined, as config.json asks."},
	{trials: "process.capabilities effective alone, uid *", keys: "outcome",
		why: "config.md, Linux Process: a capability that cannot be granted MUST be logged as a warning. runc and crun fail."},
	{trials: "process.rlimits twice", keys: "outcome", why: "config.md, POSIX process: duplicated entries with the same type MUST generate an error."},
	{trials: "mounts none", keys: "outcome", why: "config.md, Mounts: the field is OPTIONAL. crun requires it, and runc requires a /proc to read from."},
	{trials: "mounts bind r[ow]", keys: "outcome", why: "The type bind makes the meaning clear. To runc and crun it is a file system that no kernel has."},
	{trials: "mounts bind type and no option", keys: "outcome", why: "The type bind makes the meaning clear. To runc and crun it is a file system that no kernel has."},
	{trials: "mounts bind bind,remount,ro", keys: "outcome", why: "A mount and its remount in one entry have a clear meaning. runc and crun fail at the remount."},
	{trials: "linux.devices with setuid bits", keys: "file /dev/x", why: "config-linux.md, Devices: fileMode is the mode. runc and crun lose these bits in a later chown."},
	{trials: "linux.readonlyPaths the root", why: "The root is read-only. Under runc it stays writable, and crun refuses it."},
	{trials: "linux.maskedPaths in a read-only one", why: "The path is masked once and stays read-only. runc refuses it, and under crun the mask is writable."},
	{trials: "linux.uidMappings without a user namespace", keys: "outcome", why: "A field that cannot be honoured is an error (config.md, Linux). runc and crun ignore it."},
	{trials: "linux.personality LINUX*", keys: "outcome", why: "config-linux.md, Personality: currently no flag values are supported. runc and crun ignore them."},
	{trials: "linux.*Paths relative", keys: "outcome", why: "config-linux.md: the values MUST be absolute paths in the container namespace."},
	{trials: "ociVersion = *", keys: "outcome", why: "config.md, Specification version: it is REQUIRED and MUST be in SemVer v2.0.0 format. runc and crun do not check it."},
	{trials: "linux.sysctl = *", keys: "outcome", why: "A name with an empty part is not valid. runc and crun write to another file than the name says."},
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
