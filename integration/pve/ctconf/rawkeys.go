package ctconf

import (
	"fmt"
	"strings"
)

// accepted lists the raw LXC keys that PVE takes in ID.conf, besides the families of keys.
var accepted = set(`
	lxc.apparmor.profile lxc.apparmor.allow_incomplete lxc.apparmor.allow_nesting lxc.apparmor.raw
	lxc.selinux.context lxc.include lxc.arch lxc.uts.name lxc.signal.halt lxc.signal.reboot lxc.signal.stop
	lxc.init.cmd lxc.init.cwd lxc.init.uid lxc.init.gid lxc.init.groups lxc.pty.max lxc.console.logfile
	lxc.console.path lxc.tty.max lxc.devtty.dir lxc.hook.autodev lxc.autodev lxc.kmsg lxc.mount.fstab
	lxc.mount.entry lxc.mount.auto lxc.rootfs.mount lxc.cap.drop lxc.cap.keep lxc.seccomp.profile
	lxc.seccomp.notify.proxy lxc.seccomp.notify.cookie lxc.idmap lxc.hook.pre-start lxc.hook.pre-mount
	lxc.hook.mount lxc.hook.start lxc.hook.stop lxc.hook.post-stop lxc.hook.clone lxc.hook.destroy
	lxc.hook.version lxc.log.level lxc.log.file lxc.start.auto lxc.start.delay lxc.start.order lxc.group
	lxc.environment lxc.environment.runtime lxc.environment.hooks
	lxc.sysctl.fs.mqueue lxc.sysctl.kernel.msgmax lxc.sysctl.kernel.msgmnb lxc.sysctl.kernel.msgmni
	lxc.sysctl.kernel.sem lxc.sysctl.kernel.shmall lxc.sysctl.kernel.shmmax lxc.sysctl.kernel.shmmni
	lxc.sysctl.kernel.shm_rmid_forced`)

var families = []string{"lxc.cgroup2.", "lxc.prlimit.", "lxc.net."}

// renamed maps keys from before LXC 3, which PVE accepts with a warning, to their new names.
var renamed = map[string]string{
	"lxc.aa_profile": "lxc.apparmor.profile", "lxc.aa_allow_incomplete": "lxc.apparmor.allow_incomplete",
	"lxc.console": "lxc.console.path", "lxc.devttydir": "lxc.tty.dir", "lxc.haltsignal": "lxc.signal.halt",
	"lxc.rebootsignal": "lxc.signal.reboot", "lxc.stopsignal": "lxc.signal.stop", "lxc.id_map": "lxc.idmap",
	"lxc.init_cmd": "lxc.init.cmd", "lxc.loglevel": "lxc.log.level", "lxc.logfile": "lxc.log.file",
	"lxc.mount": "lxc.mount.fstab", "lxc.pts": "lxc.pty.max", "lxc.se_context": "lxc.selinux.context",
	"lxc.seccomp": "lxc.seccomp.profile", "lxc.tty": "lxc.tty.max", "lxc.utsname": "lxc.uts.name",
}

var refused = map[string]string{
	"lxc.rootfs.path": "lxc.rootfs.path is auto generated from rootfs",
	"lxc.rootfs.options": "lxc.rootfs.options is not supported, please use mount point options in the " +
		`"rootfs" key`,
}

// judgeRaw returns true if PVE keeps a raw key, and PVE's complaint about it without "vm ID - ".
// For an unknown key the complaint is empty.
func judgeRaw(key string) (keep bool, complaint string) {
	switch {
	case strings.HasPrefix(key, "lxc.limit."):
		return true, fmt.Sprintf("%s: lxc.limit.* was renamed to lxc.prlimit.*", key)
	case renamed[key] != "":
		return true, fmt.Sprintf("%s is deprecated and was renamed to %s", key, renamed[key])
	case accepted[key]:
		return true, ""
	case refused[key] != "":
		return false, fmt.Sprintf("%s: %s", key, refused[key])
	case strings.HasPrefix(key, "lxc.cgroup."):
		return true, fmt.Sprintf("%s is deprecated, this will be a hard error in the future!", key)
	}
	for _, family := range families {
		if strings.HasPrefix(key, family) {
			return true, ""
		}
	}
	return false, ""
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(words) {
		m[word] = true
	}
	return m
}
