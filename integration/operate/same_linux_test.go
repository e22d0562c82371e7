//go:build linux && testhost

package operate

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

func withHostPIDs(s *specs.Spec) {
	suite.Share(specs.PIDNamespace, "")(s)
	// A user namespace without a new pid namespace may not mount procfs.
	s.Mounts[0] = specs.Mount{Destination: "/proc", Type: "none", Source: "/proc", Options: []string{"rbind"}}
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
}

// particular sets everything that exec's process takes over from the container.
func particular(s *specs.Spec) {
	adj := 321
	all := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID"}
	s.Process.NoNewPrivileges = false
	s.Process.User = specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9, 10}}
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all, Ambient: all[:1]}
	s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 77, Hard: 88}, {Type: "RLIMIT_CORE", Soft: 1, Hard: 2}}
	s.Process.OOMScoreAdj = &adj
	s.Process.Cwd = "/tmp"
	s.Process.Env = append(s.Process.Env, "OWN=own")
}

// filtered adds a seccomp filter.
func filtered(s *specs.Spec) {
	errno := uint(38)
	s.Linux.Seccomp = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActErrno, ErrnoRet: &errno}},
	}
}

// looks is a script that prints what a process can find out about itself.
const looks = `id; pwd; umask; env | sort; cat /proc/self/oom_score_adj
grep -E "^(Uid|Gid|Groups|Cap|NoNew|Seccomp:|SigBlk:|SigCgt:|Cpus_allowed_list)" /proc/self/status
cat /proc/self/limits; ls /proc/self/fd; cat /proc/self/uid_map; mkdir /tmp/dir 2>&1
for n in cgroup ipc mnt net pid user uts; do [ /proc/self/ns/$n -ef /proc/1/ns/$n ] && echo same $n; done
grep '^0:' /proc/self/cgroup; stat -c %u:%g /proc/self/fd/1 >/dev/null; cut -d' ' -f5,6 /proc/self/stat | tr ' ' = | sed 's/^\(.*\)=\1$/session leader/'`

// TestSameAsRunc runs the same programs with exec in a berth container and in a runc container.
func TestSameAsRunc(t *testing.T) {
	t.Parallel()
	process := func(edit func(p *specs.Process)) func(b *box) []string {
		return func(b *box) []string {
			p := &specs.Process{Args: []string{"sh", "-c", looks}, Cwd: "/", Env: []string{"PATH=/bin", "A=b,c"}}
			edit(p)
			return []string{"--process=" + b.writeJSON("process.json", p)}
		}
	}
	words := func(words ...string) func(b *box) []string { return func(*box) []string { return words } }
	for name, edits := range map[string][]func(*specs.Spec){
		"plain": nil, "particular": {particular}, "user namespace": {suite.InUserNamespace},
		"particular, user namespace": {particular, suite.InUserNamespace}, "host's processes": {withHostPIDs}, "filtered": {filtered, particular},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := run(t, edits...), runPeer(t, edits...)
			for what, args := range map[string]func(b *box) []string{
				"looks":              words("sh", "-c", looks),
				"user":               words("--user=1000", "sh", "-c", looks),
				"user and group":     words("--user=1000:1001", "--additional-gids=3", "--additional-gids=4", "sh", "-c", looks),
				"cwd":                words("--cwd=/usr", "sh", "-c", looks),
				"env":                words("--env=A=b,c", "--env=PATH=/bin:/sbin", "--env=E=", "sh", "-c", looks),
				"capabilities":       words("--cap=CAP_SYS_NICE", "--cap=CAP_NET_RAW", "sh", "-c", looks),
				"no new privileges":  words("--no-new-privs", "sh", "-c", looks),
				"status":             words("sh", "-c", "exit 123"),
				"signal":             words("sh", "-c", "kill -USR2 $$"),
				"no program":         words("nope"),
				"no such path":       words("/bin/nope"),
				"not executable":     words("/etc/passwd"),
				"no cwd":             words("--cwd=/none", "true"),
				"relative cwd":       words("--cwd=tmp", "true"),
				"no arguments":       words(),
				"user's name":        words("--user=root", "true"),
				"unknown capability": words("--cap=CAP_NOPE", "true"),
				"process":            process(func(*specs.Process) {}),
				"process, user": process(func(p *specs.Process) {
					p.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7}}
				}),
				"process, own": process(func(p *specs.Process) {
					p.NoNewPrivileges = true
					p.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}}
					p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 55, Hard: 66}}
				}),
				"process without arguments": process(func(p *specs.Process) { p.Args = nil }),
			} {
				got, want := ours.exec(args(ours)...), theirs.exec(args(theirs)...)
				if g, w := plain(got.Stdout), plain(want.Stdout); got.Status != want.Status || g != w {
					t.Errorf("%s: status %d, runc's %d; stderr %q, runc's %q%s", what, got.Status, want.Status, got.Stderr, want.Stderr, differ(g, w))
				}
				// runc warns about ambient capabilities that cannot be set only from 1.2 on.
				// Debian's is older.
				if (got.Stderr == "") != (want.Stderr == "") && what != "capabilities" {
					t.Errorf("%s: stderr %q, runc's %q", what, got.Stderr, want.Stderr)
				}
			}
		})
	}
}

// plain removes the limits that the machine decides.
func plain(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "Max pending signals") && !strings.HasPrefix(line, "Max processes") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func differ(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	var out strings.Builder
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			out.WriteString("\n  " + x + "\n  runc: " + y)
		}
	}
	return out.String()
}
