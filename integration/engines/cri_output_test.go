//go:build linux

package engines

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// criOutput is a container whose script prints what it sees of itself.
type criOutput struct {
	name    string
	options set // the container's
	script  string
	want    string // a regular expression for all of the log, without the space around it
	code    int
}

const profile = `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}`

// The values of SecurityProfile.ProfileType (k8s.io/cri-api).
const (
	byRuntime = iota
	unconfined
	localhost
)

const criCaps = "00000000a80425fb"

var criOutputs = []criOutput{
	{"security: root by default", nil, "id -u; id -g; " + showCaps + "; grep NoNewPrivs /proc/self/status",
		`0\s0\s` + caps(noCaps, criCaps, criCaps, noCaps) + `\sNoNewPrivs:\s0`, 0},
	{"security: runAsUser, runAsGroup, supplementalGroups", security(set{"run_as_user": set{"value": 1234}, "run_as_group": set{"value": 4321},
		"supplemental_groups": []int{77, 88}}), "id -u; id -g; id -G; touch /tmp/x && stat -c %u:%g /tmp/x; " + showCaps,
		`1234\s4321\s4321 77 88\s1234:4321\s` + caps(noCaps, noCaps, criCaps, noCaps), 0},
	{"security: runAsUser by name", security(set{"run_as_username": "user"}), "id -u; id -G", `1000\s1000 50`, 0},
	{"security: readOnlyRootFilesystem", security(set{"readonly_rootfs": true}), "echo x 2>&1 >/tmp/x; touch /dev/shm/y && echo shm", `.*Read-only file system\sshm`, 0},
	{"security: capabilities", security(set{"capabilities": set{"drop_capabilities": []string{"ALL"}, "add_capabilities": []string{"NET_RAW", "CHOWN"}}}),
		showCaps, caps(noCaps, "0000000000002001", "0000000000002001", noCaps), 0},
	{"security: all capabilities", security(set{"capabilities": set{"add_capabilities": []string{"ALL"}}}), showCaps,
		`CapInh: 0+ CapPrm: HOSTCAPS CapEff: HOSTCAPS CapBnd: HOSTCAPS CapAmb: 0+`, 0},
	{"security: seccomp RuntimeDefault", security(set{"seccomp": set{"profile_type": byRuntime}}), "grep ^Seccomp: /proc/self/status; unshare -m true 2>&1",
		`Seccomp:\s2\s.*Operation not permitted`, 1},
	{"security: seccomp Unconfined", security(set{"seccomp": set{"profile_type": unconfined}}), "grep ^Seccomp: /proc/self/status", `Seccomp:\s0`, 0},
	{"security: seccomp Localhost", security(set{"seccomp": set{"profile_type": localhost, "localhost_ref": "PROFILE"}}),
		"grep ^Seccomp: /proc/self/status; mkdir /tmp/d 2>&1", `Seccomp:\s2\s.*Permission denied`, 1},
	{"security: noNewPrivileges", security(set{"no_new_privs": true}), "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\s1`, 0},
	{"security: masked and read-only paths", security(set{"masked_paths": []string{"/proc/meminfo", "/usr/bin"}, "readonly_paths": []string{"/proc/sys"}}),
		"cat /proc/meminfo | wc -c; ls -A /usr/bin | wc -l; echo 1 2>&1 >/proc/sys/kernel/domainname", `0\s0\s.*Read-only file system`, 1},
	{"container: devices", set{"devices": []set{{"container_path": "/dev/nil", "host_path": "/dev/zero", "permissions": "rwm"}}},
		"head -c 3 /dev/nil | od -An -tx1; cd /dev; ls -d null zero full random urandom tty shm mqueue pts ptmx fd | wc -l", `00 00 00\s11`, 0},
	{"container: nothing of the runtime's", nil, "ls -A / | tr '\\n' ' '; ls /proc/self/fd | tr '\\n' ' '; grep -v '^overlay / ' /proc/mounts | grep -c -i -e berth -e lxc",
		`bin dev etc home proc root run sbin sys tmp usr var 0 1 2 3 0`, 1},
}

func (o criOutput) run(t *testing.T, c *cri) {
	path := c.dir + "/profile.json"
	if err := os.WriteFile(path, []byte(profile), 0o644); err != nil {
		t.Fatal(err)
	}
	options := o.options
	if inner, ok := seccompOf(options); ok && inner["localhost_ref"] != nil {
		options = with(options, security(set{"seccomp": set{"localhost_ref": path}}))
	}
	x := c.pod(nil).start(options, "sh", "-c", o.script)
	reason := "Completed"
	if o.code != 0 {
		reason = "Error"
	}
	x.exits(o.code, reason)
	want := strings.ReplaceAll(o.want, "HOSTCAPS", hostCaps(t))
	if got := strings.TrimSpace(x.log()); !regexp.MustCompile(`^(?:` + want + `)$`).MatchString(got) {
		t.Errorf("it wrote\n%s\nnot like\n%s", got, want)
	}
}

func seccompOf(options set) (set, bool) {
	linux, _ := options["linux"].(set)
	context, _ := linux["security_context"].(set)
	inner, ok := context["seccomp"].(set)
	return inner, ok
}
