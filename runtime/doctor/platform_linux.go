package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
)

// The first kernel with all that the LXC backends need: mount_setattr(2), for the flags of detached
// mounts.
const kernelMajor, kernelMinor = 5, 12

// platform checks the kernel and the features that it has switched on.
func (d *Doctor) platform(context.Context) []backends.Finding {
	list := []backends.Finding{d.kernel(), d.cgroup(), d.seccomp(), d.appArmor(), d.userNamespaces()}
	if d.Sockets != nil {
		list = append(list, d.Sockets())
	}
	return list
}

func (d *Doctor) kernel() backends.Finding {
	const check = "kernel"
	data, err := os.ReadFile(d.path("/proc/sys/kernel/osrelease"))
	if err != nil {
		return fail(check, err.Error(), "check that /proc is mounted")
	}
	release := strings.TrimSpace(string(data))
	fields := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(fields) < 2 {
		return warn(check, release, fmt.Sprintf("the version of this kernel is not clear: berth needs Linux %d.%d or later", kernelMajor, kernelMinor))
	}
	major, _ := strconv.Atoi(fields[0])
	minor, _ := strconv.Atoi(fields[1])
	if major < kernelMajor || major == kernelMajor && minor < kernelMinor {
		return fail(check, release, fmt.Sprintf("berth needs Linux %d.%d or later, as in Proxmox VE 8 and Debian 12", kernelMajor, kernelMinor))
	}
	return pass(check, "Linux "+release)
}

// wanted are the controllers that engines need for their limits.
var wanted = []string{"cpu", "memory", "pids"}

func (d *Doctor) cgroup() backends.Finding {
	const check = "cgroup v2"
	const boot = "boot with systemd.unified_cgroup_hierarchy=1, or use the crun or runc backend"
	data, err := os.ReadFile(d.path("/sys/fs/cgroup/cgroup.controllers"))
	if err != nil {
		return fail(check, "/sys/fs/cgroup is not a cgroup v2 hierarchy", boot)
	}
	have := strings.Fields(string(data))
	var missing []string
	for _, c := range wanted {
		if !slices.Contains(have, c) {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return warn(check, "missing controllers: "+strings.Join(missing, " "),
			"containers with limits of these controllers fail: check whether the host also mounts cgroup v1, or is itself a container")
	}
	return pass(check, "controllers: "+strings.Join(have, " "))
}

func (d *Doctor) seccomp() backends.Finding {
	const check = "seccomp"
	data, err := os.ReadFile(d.path("/proc/sys/kernel/seccomp/actions_avail"))
	if err != nil {
		return fail(check, "the kernel has no seccomp filters", "engines send a filter with each container: use a kernel with CONFIG_SECCOMP_FILTER")
	}
	return pass(check, strings.TrimSpace(string(data)))
}

func (d *Doctor) appArmor() backends.Finding {
	const check = "AppArmor"
	data, err := os.ReadFile(d.path("/sys/module/apparmor/parameters/enabled"))
	if err != nil || !strings.HasPrefix(string(data), "Y") {
		return warn(check, "disabled", "AppArmor does not confine containers: boot with AppArmor enabled, as Proxmox VE does")
	}
	if _, err := os.Stat(d.path("/usr/sbin/apparmor_parser")); err != nil {
		if _, err := os.Stat(d.path("/sbin/apparmor_parser")); err != nil {
			return fail(check, "enabled, but apparmor_parser is missing", "install the package apparmor: LXC and engines load profiles with apparmor_parser")
		}
	}
	return pass(check, "enabled")
}

func (d *Doctor) userNamespaces() backends.Finding {
	const check = "user namespaces"
	data, err := os.ReadFile(d.path("/proc/sys/user/max_user_namespaces"))
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || n == 0 {
		return warn(check, "none are allowed (user.max_user_namespaces is 0)", "containers with a user namespace fail: raise the sysctl user.max_user_namespaces")
	}
	return pass(check, fmt.Sprintf("up to %d", n))
}
