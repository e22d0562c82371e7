//go:build linux

package engines

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// outputCase is a container whose script prints what it sees of itself.
type outputCase struct {
	name    string
	options []string
	script  string
	want    string // a regular expression for all of stdout, without the space around it
	status  int
}

func opts(s ...string) []string { return s }

const (
	defaultCaps = "00000000800405fb"
	noCaps      = "0000000000000000"
)

func caps(inherited, permitted, bounding, ambient string) string {
	return "CapInh: " + inherited + " CapPrm: " + permitted + " CapEff: " + permitted + " CapBnd: " + bounding + " CapAmb: " + ambient
}

const showCaps = "echo $(grep ^Cap /proc/self/status)"

var outputCases = []outputCase{
	{"user by name", opts("--user", "user"), "id", `uid=1000\(user\) gid=1000\(user\) groups=(1000\(user\),)?50\(staff\).*`, 0},
	{"user by number", opts("--user", "1234:4321"), "id", `uid=1234(\(1234\))? gid=4321(\(4321\))?( groups=4321.*)?`, 0},
	{"user root", nil, "id -u; id -g", `0\s0`, 0},
	{"group-add", opts("--user", "1234:4321", "--group-add", "77,88"), "id -G", `4321 77 88`, 0},
	{"home of the user", opts("--user", "user"), "echo $HOME", `/home/user`, 0},
	{"workdir", opts("--workdir", "/usr/bin"), "pwd; readlink /proc/self/cwd", `/usr/bin\s/usr/bin`, 0},
	{"env", opts("--env", "A=b  c", "--env", "B=x=y", "--env", "C=1\n2", "--env", "D="), `printf '%s|%s|%s|%s|' "$A" "$B" "$C" "${D-unset}"`, "b  c\\|x=y\\|1\n2\\|\\|", 0},
	{"only the container's environment", nil, "env | cut -d= -f1 | sort | tr '\\n' ' '", `HOME HOSTNAME PATH PWD SHLVL container`, 0},
	{"hostname", opts("--hostname", "box.example"), "hostname; cat /etc/hostname; cat /proc/sys/kernel/hostname", `box.example\sbox.example\sbox.example`, 0},
	{"umask", opts("--umask", "0027"), "umask", `0027`, 0},
	{"entrypoint", opts("--entrypoint", `["sh","-c","echo from the entrypoint"]`), "", `from the entrypoint`, 0},

	{"caps by default", nil, showCaps, caps(noCaps, defaultCaps, defaultCaps, noCaps), 0},
	{"cap-drop all", opts("--cap-drop", "all"), showCaps, caps(noCaps, noCaps, noCaps, noCaps), 0},
	{"cap-add after cap-drop all", opts("--cap-drop", "all", "--cap-add", "net_raw,chown"), showCaps, caps(noCaps, "0000000000002001", "0000000000002001", noCaps), 0},
	{"caps of another user", opts("--user", "1000"), showCaps, caps(noCaps, noCaps, defaultCaps, noCaps), 0},
	{"cap-add for another user", opts("--user", "1000", "--cap-drop", "all", "--cap-add", "net_raw"), showCaps,
		caps("0000000000002000", "0000000000002000", "0000000000002000", "0000000000002000"), 0},
	{"privileged", opts("--privileged"), showCaps, `CapInh: 0+ CapPrm: HOSTCAPS CapEff: HOSTCAPS CapBnd: HOSTCAPS CapAmb: 0+`, 0},
	{"chown is refused without its capability", opts("--cap-drop", "chown"), "touch /tmp/x; chown 5 /tmp/x 2>&1", `.*Operation not permitted`, 1},

	{"read-only", opts("--read-only"), "echo x 2>&1 >/x; echo $?; for d in /tmp /run /var/tmp /dev/shm; do echo y >$d/y && cat $d/y; done", `.*Read-only file system\s1(\sy){4}`, 0},
	{"read-only without its tmpfs", opts("--read-only", "--read-only-tmpfs=false"), "echo x 2>&1 >/tmp/x", `.*Read-only file system`, 1},
	{"tmpfs", opts("--tmpfs", "/scratch:size=1m,mode=700,noexec"), "stat -c %a /scratch; grep ' /scratch ' /proc/mounts; dd if=/dev/zero of=/scratch/f bs=1k count=2000 2>&1 | grep -o 'No space left'",
		`700\stmpfs /scratch tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700\S* 0 0\sNo space left`, 0},
	{"tmpfs with the image's files", opts("--mount", "type=tmpfs,destination=/etc,tmpcopyup"), "grep -c ^user /etc/passwd; grep -o ' /etc tmpfs' /proc/mounts", `1\s+/etc tmpfs`, 0},
	{"shm-size", opts("--shm-size", "3m"), "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", `3072`, 0},

	{"ulimit", opts("--ulimit", "nofile=100:200", "--ulimit", "core=0"), "ulimit -Sn; ulimit -Hn; ulimit -c", `100\s200\s0`, 0},
	{"sysctl", opts("--sysctl", "net.ipv4.ip_unprivileged_port_start=80", "--sysctl", "net.ipv4.conf.default.rp_filter=2"), "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/conf/default/rp_filter", `80\s2`, 0},
	{"oom-score-adj", opts("--oom-score-adj", "500"), "cat /proc/self/oom_score_adj", `500`, 0},
	{"device", opts("--device", "/dev/fuse"), "stat -c '%F %t:%T' /dev/fuse; : </dev/fuse && echo opened", `character special file a:e5\sopened`, 0},
	{"device under another name", opts("--device", "/dev/zero:/dev/nil:rw"), "head -c 3 /dev/nil | od -An -tx1", `00 00 00`, 0},
	{"device that is not given", opts("--cap-add", "mknod"), "mknod /tmp/d b 8 0 && cat /tmp/d 2>&1", `.*Operation not permitted`, 1},
	{"default devices", nil, "cd /dev; for d in null zero full random urandom tty; do stat -c '%n %F %a %u %g' $d; done; for l in fd stdin stdout stderr ptmx; do readlink $l; done; echo x >null; head -c1 urandom | wc -c",
		`null character special file 666 0 0\szero character special file 666 0 0\sfull character special file 666 0 0\srandom character special file 666 0 0\surandom character special file 666 0 0\stty character special file 666 0 \d+\s` +
			`/proc/self/fd\s/proc/self/fd/0\s/proc/self/fd/1\s/proc/self/fd/2\spts/ptmx\s1`, 0},

	{"no-new-privileges", opts("--security-opt", "no-new-privileges"), "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\s1`, 0},
	{"new privileges by default", nil, "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\s0`, 0},
	{"seccomp by default", nil, "grep ^Seccomp: /proc/self/status; unshare -m true 2>&1", `Seccomp:\s2\s.*Operation not permitted`, 1},
	{"seccomp unconfined", opts("--security-opt", "seccomp=unconfined"), "grep ^Seccomp: /proc/self/status", `Seccomp:\s0`, 0},
	{"seccomp allows what a capability asks for", opts("--cap-add", "sys_admin"), "unshare -m true && echo done", `done`, 0},
	{"masked paths", nil, "cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l; echo 1 2>&1 >/proc/sys/kernel/domainname", `0\s0\s.*Read-only file system`, 1},
	{"unmask", opts("--security-opt", "unmask=/proc/keys"), "grep -c ' /proc/keys ' /proc/mounts", `0`, 1},

	{"pid 1", nil, "echo $$; grep ^NSpid: /proc/self/status | wc -w; tr '\\0' ' ' </proc/1/cmdline | cut -c1-5", `1\s2\ssh -c`, 0},
	{"an init", opts("--init"), "echo $$; tr '\\0' ' ' </proc/1/cmdline", `[2-9]\d*\s/run/podman-init -- sh -c .*`, 0},
	{"cgroup namespace", nil, "grep ^0:: /proc/self/cgroup; test -f /sys/fs/cgroup/cgroup.procs && grep -x $$ /sys/fs/cgroup/cgroup.procs", `0::/\s1`, 0},
	{"network none", opts("--network", "none"), "ls /sys/class/net; ip -o link show lo | grep -o LOWER_UP", `lo\sLOWER_UP`, 0},
	{"nothing of the runtime's in the root", nil, "ls -A / | tr '\\n' ' '; ls -A /dev | sort | tr '\\n' ' '; grep -v '^overlay / ' /proc/mounts | grep -c -i -e berth -e lxc",
		`bin dev etc home proc root run sbin sys tmp usr var (core )?fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 0`, 1},
	{"no descriptor of the runtime's", nil, "ls /proc/self/fd | tr '\\n' ' '", `0 1 2 3`, 0},
}

func outputTests() []test[*podman] {
	tests := make([]test[*podman], 0, len(outputCases))
	for _, c := range outputCases {
		tests = append(tests, test[*podman]{c.name, c.run})
	}
	return tests
}

func (c outputCase) run(t *testing.T, p *podman) {
	args := append([]string{"run", "--rm", "--name", p.name(), "--log-driver", "none"}, c.options...)
	args = append(args, image)
	if c.script != "" {
		args = append(args, "sh", "-c", c.script)
	}
	r := p.run(args...)
	want := strings.ReplaceAll(c.want, "HOSTCAPS", hostCaps(t))
	if !regexp.MustCompile(`^(?:` + want + `)$`).MatchString(strings.TrimSpace(r.stdout)) {
		t.Errorf("stdout is\n%s\nnot like\n%s", r.stdout, want)
	}
	if r.status != c.status {
		t.Errorf("exit status %d, not %d", r.status, c.status)
	}
	if t.Failed() {
		t.Logf("stderr: %s", r.stderr)
	}
}

// hostCaps returns all capabilities that root has on this host, in the form of /proc/PID/status.
func hostCaps(t *testing.T) string {
	data, err := os.ReadFile("/proc/1/status")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`CapBnd:\s*(\w+)`).FindStringSubmatch(string(data))[1]
}
