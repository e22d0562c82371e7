//go:build linux && integration

package lifecycle

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

func ptr[T any](v T) *T { return &v }

// TestAttributes checks that the process has exactly the attributes of config.json.
func TestAttributes(t *testing.T) {
	t.Parallel()
	status := func(fields string) string { return "grep -E '^(" + fields + "):' /proc/self/status" }
	for _, c := range []struct {
		name   string
		script string
		edit   func(*specs.Spec)
		want   string
	}{
		{"args", "", func(s *specs.Spec) {
			s.Process.Args = []string{"sh", "-c", `for a in "$0" "$@"; do echo "<$a>"; done`, "a b", "", "$HOME `id`", "x\ny", "\xff=ä"}
		}, "<a b>\n<>\n<$HOME `id`>\n<x\ny>\n<\ufffd=ä>\n"},
		{"environment", "", func(s *specs.Spec) {
			s.Process.Env = []string{path, "A=1", "EMPTY=", "EQ=a=b", "NL=a\nb", "SP= x "}
			s.Process.Args = []string{"cat", "/proc/self/environ"}
		}, path + "\x00A=1\x00EMPTY=\x00EQ=a=b\x00NL=a\nb\x00SP= x \x00HOME=/root\x00"},
		{"HOME given", "", func(s *specs.Spec) {
			s.Process.Env = []string{"HOME=/x", path}
			s.Process.Args = []string{"/bin/cat", "/proc/self/environ"}
		}, "HOME=/x\x00" + path + "\x00"},
		{"cwd", "pwd; readlink /proc/self/cwd", func(s *specs.Spec) { s.Process.Cwd = "/usr/bin" }, "/usr/bin\n/usr/bin\n"},
		{"cwd made", "pwd; stat -c '%a %u:%g' .", func(s *specs.Spec) { s.Process.Cwd = "/new/dir" }, "/new/dir\n755 0:0\n"},
		{"umask", status("Umask") + "; >/tmp/f; stat -c %a /tmp/f", func(s *specs.Spec) { s.Process.User.Umask = ptr(uint32(0o137)) }, "Umask:\t0137\n640\n"},
		{"umask default", status("Umask"), nil, "Umask:\t0022\n"},
		{"user", status("Uid|Gid|Groups"), func(s *specs.Spec) {
			s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7, 5000, 8}}
		}, "Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\nGroups:\t7 8 5000 \n"},
		{"no groups", status("Groups"), nil, "Groups:\t \n"},
		{"limits", "grep -E '^Max (open files|processes|core file size|address space)' /proc/self/limits | sed 's/  */ /g'", func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{
				{Type: "RLIMIT_NOFILE", Soft: 77, Hard: 99}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 4096}, {Type: "RLIMIT_NPROC", Soft: 500, Hard: 600},
			}
		}, "Max core file size 0 4096 bytes \nMax processes 500 600 processes \nMax open files 77 99 files \nMax address space unlimited unlimited bytes \n"},
		{"capabilities", status("Cap..."), func(s *specs.Spec) {
			s.Process.Capabilities = &specs.LinuxCapabilities{
				Bounding:    []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"},
				Permitted:   []string{"CAP_CHOWN", "CAP_KILL"},
				Effective:   []string{"CAP_CHOWN", "CAP_KILL"},
				Inheritable: []string{"CAP_KILL"},
				Ambient:     []string{"CAP_KILL"},
			}
			// The process is not root because for root the kernel adds the bounding set at exec.
			s.Process.User = specs.User{UID: 1000, GID: 1000}
		}, "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\nCapBnd:\t0000000000002021\nCapAmb:\t0000000000000020\n"},
		{"capabilities of root", status("Cap..."), func(s *specs.Spec) {
			set := []string{"CAP_CHOWN", "CAP_NET_RAW"}
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: set, Permitted: set, Effective: set}
		}, "CapInh:\t0000000000000000\nCapPrm:\t0000000000002001\nCapEff:\t0000000000002001\nCapBnd:\t0000000000002001\nCapAmb:\t0000000000000000\n"},
		{"no capabilities", status("Cap..."), func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} },
			"CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n"},
		{"no new privileges", status("NoNewPrivs"), func(s *specs.Spec) { s.Process.NoNewPrivileges = true }, "NoNewPrivs:\t1\n"},
		{"new privileges", status("NoNewPrivs"), nil, "NoNewPrivs:\t0\n"},
		{"no seccomp", status("Seccomp|Seccomp_filters"), nil, "Seccomp:\t0\nSeccomp_filters:\t0\n"},
		{"oom score", "cat /proc/self/oom_score_adj", func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(345) }, "345\n"},
		{"signals", status("SigBlk|SigIgn|SigCgt"), func(s *specs.Spec) {
			s.Process.Args = []string{"grep", "-E", "^(SigBlk|SigIgn|SigCgt):", "/proc/self/status"}
		}, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"},
		{"session", "", func(s *specs.Spec) {
			s.Process.Args = []string{"sh", "-c", `set -- $(sed 's/.*) //' /proc/1/stat); echo "ppid $2 pgrp $3 session $4 tty $5 nice ${17}"`}
		}, fmt.Sprintf("ppid 0 pgrp 1 session 1 tty 0 nice %d\n", niceness(t))},
		{"hostname", "hostname; cat /proc/sys/kernel/hostname", func(s *specs.Spec) { s.Hostname = "some-name.example" }, "some-name.example\nsome-name.example\n"},
		{"domainname", "cat /proc/sys/kernel/domainname", func(s *specs.Spec) { s.Version, s.Domainname = "1.1.0", "dom.example" }, "dom.example\n"},
		{"sysctl", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ping_group_range", func(s *specs.Spec) {
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "4444", "net/ipv4/ping_group_range": "7 8"}
		}, "1\n4444\n7\t8\n"},
		{"readonly root", "touch /x 2>&1; mkdir /tmp/y 2>&1; touch /dev/shm/z && echo shm", func(s *specs.Spec) { s.Root.Readonly = true },
			"touch: /x: Read-only file system\nmkdir: can't create directory '/tmp/y': Read-only file system\nshm\n"},
		{"writable root", "touch /x && ls /x", nil, "/x\n"},
		{"masked paths", "cat /etc/passwd; ls -A /usr/bin | wc -l; cat /etc/group >/dev/null && echo group; ls /nosuch 2>&1; touch /usr/bin/x 2>&1", func(s *specs.Spec) {
			s.Linux.MaskedPaths = []string{"/etc/passwd", "/usr/bin", "/nosuch"}
		}, "0\ngroup\nls: /nosuch: No such file or directory\ntouch: /usr/bin/x: Read-only file system\n"},
		{"read-only paths", "echo 1 2>&1 >/etc/passwd; touch /usr/bin/x 2>&1; touch /etc/x && echo etc; echo 9 2>&1 >/proc/sys/kernel/msgmax", func(s *specs.Spec) {
			s.Linux.ReadonlyPaths = []string{"/etc/passwd", "/usr/bin", "/proc/sys", "/nosuch"}
		}, "sh: can't create /etc/passwd: Read-only file system\ntouch: /usr/bin/x: Read-only file system\netc\nsh: can't create /proc/sys/kernel/msgmax: Read-only file system\n"},
		{"devices", "stat -c '%A %u:%g %t,%T' /dev/mine /dev/sub/pipe; head -c 3 /dev/mine | wc -c; cat /dev/null && echo null", func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5, FileMode: ptr(os.FileMode(0o640)), UID: ptr(uint32(3)), GID: ptr(uint32(4))},
				{Path: "/dev/sub/pipe", Type: "p", FileMode: ptr(os.FileMode(0o622))},
			}
			s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(5)), Access: "rwm"})
		}, "crw-r----- 3:4 1,5\nprw--w--w- 0:0 0,0\n3\nnull\n"},
		{"device policy", "mknod /dev/k c 1 11 2>&1; cat /dev/k 2>&1 | head -n1; mknod /dev/z c 1 5 && head -c 2 /dev/z | wc -c", func(s *specs.Spec) {
			for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Permitted, &s.Process.Capabilities.Effective} {
				*set = append(*set, "CAP_MKNOD")
			}
		}, "cat: can't open '/dev/k': Operation not permitted\n2\n"},
		{"default devices", "cd /dev; stat -c '%n %A %t,%T' null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done; ls pts/ptmx", nil,
			"null crw-rw-rw- 1,3\nzero crw-rw-rw- 1,5\nfull crw-rw-rw- 1,7\nrandom crw-rw-rw- 1,8\nurandom crw-rw-rw- 1,9\ntty crw-rw-rw- 5,0\n" +
				"fd /proc/self/fd\nstdin /proc/self/fd/0\nstdout /proc/self/fd/1\nstderr /proc/self/fd/2\nptmx pts/ptmx\npts/ptmx\n"},
		{"loopback", "ip -o addr | sed 's/  */ /g;s/\\\\.*//' | head -n 1; ip link | grep -c '^[0-9]'", nil, "1: lo inet 127.0.0.1/8 scope host lo\n1\n"},
		{"proc", "grep ' /proc ' /proc/mounts", nil, "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n"},
		{"mounts", "grep -E ' /[cd] ' /proc/mounts | sed 's/,inode64//'; stat -c %a /c; touch /d/f 2>&1", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts,
				specs.Mount{Destination: "/c", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m", "mode=1770", "noexec", "nosuid"}},
				specs.Mount{Destination: "/d", Type: "tmpfs", Source: "swap", Options: []string{"size=64k", "ro"}},
			)
		}, "tmpfs /c tmpfs rw,nosuid,noexec,relatime,size=1024k,mode=1770 0 0\nswap /d tmpfs ro,relatime,size=64k 0 0\n1770\ntouch: /d/f: Read-only file system\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "domainname" {
				berthOnly(t) // runc before 1.2 ignores it
			}
			b := newBox(t, c.script)
			if c.edit != nil {
				c.edit(b.spec)
			}
			b.write()
			o := b.run()
			if o.Stdout != c.want {
				t.Errorf("status %d, stderr %q, stdout\n%q\nwant\n%q", o.Status, o.Stderr, o.Stdout, c.want)
			}
		})
	}
}

// TestBindMounts checks that bind mounts show the host's files with the flags of config.json, and
// that create makes their targets.
func TestBindMounts(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cat /data/file /one; touch /data/new 2>&1; touch /rw/new; grep -cE ' /(data|one) ro[ ,]' /proc/self/mountinfo; grep ' /rw ' /proc/mounts | grep -o 'nosuid,nodev,noexec'")
	dir := filepath.Join(b.out, "data")
	if err := os.MkdirAll(filepath.Join(dir, "rw"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.spec.Mounts = append(b.spec.Mounts,
		specs.Mount{Destination: "/data", Type: "bind", Source: dir, Options: []string{"rbind", "ro"}},
		specs.Mount{Destination: "/one", Type: "bind", Source: filepath.Join(dir, "file"), Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "/rw", Type: "bind", Source: filepath.Join(dir, "rw"), Options: []string{"bind", "nosuid", "nodev", "noexec"}},
	)
	b.write()
	want := "text\ntext\ntouch: /data/new: Read-only file system\n2\nnosuid,nodev,noexec\n"
	if got := b.output(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "rw/new")); err != nil {
		t.Error(err)
	}
}

// TestSeccomp checks that a seccomp filter applies to the process.
func TestSeccomp(t *testing.T) {
	t.Parallel()
	b := newBox(t, "mkdir /tmp/x 2>&1; grep ^Seccomp: /proc/self/status; echo on")
	b.spec.Linux.Seccomp = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchAARCH64},
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(28))}},
	}
	b.write()
	if got, want := b.output(), "mkdir: can't create directory '/tmp/x': No space left on device\nSeccomp:\t2\non\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRefusedFields checks that create refuses fields that berth does not honour with their JSON
// path, and leaves nothing behind.
func TestRefusedFields(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	for path, edit := range map[string]func(*specs.Spec){
		"linux.timeOffsets":     func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 1}} },
		"linux.intelRdt":        func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x"} },
		"process.cwd":           func(s *specs.Spec) { s.Process.Cwd = "relative" },
		"process.args":          func(s *specs.Spec) { s.Process.Args = nil },
		"root.path":             func(s *specs.Spec) { s.Root.Path = "" },
		"mounts[0].destination": func(s *specs.Spec) { s.Mounts[0].Destination = "" },
		"linux.namespaces": func(s *specs.Spec) {
			suite.Share(specs.MountNamespace, "")(s)
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
			suite.InUserNamespace(s)
		},
		"hostname":                    suite.Share(specs.UTSNamespace, ""),
		"process.rlimits[0].type":     func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_X"}} },
		"linux.seccomp.defaultAction": func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_X"} },
		"linux.sysctl":                func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.panic": "1"} },
		"ociVersion":                  func(s *specs.Spec) { s.Version = "9.0.0" },
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "exit 0", edit)
			b.refused(path, b.createArgs()...)
			b.refused("container does not exist", "state", b.id)
		})
	}
}

// niceness returns the nice value of the test program. The container's process inherits it.
func niceness(t *testing.T) int {
	t.Helper()
	// The system call returns 20 minus the nice value (getpriority(2)).
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - raw
}

// TestPipesInUserNamespace checks that a user in a user namespace can open /dev/stdout and
// /dev/stderr if these are pipes that the engine has made. Files and named FIFOs keep their owner.
func TestPipesInUserNamespace(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc leaves the pipe to the host's root
	const script = "echo o >/dev/stdout; echo e >/dev/stderr"
	for name, user := range map[string]uint32{"root": 0, "user": 101} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			as := func(s *specs.Spec) { s.Process.User = specs.User{UID: user, GID: user} }
			b := newBox(t, script, suite.InUserNamespace, as)
			b.must1(os.Mkdir(filepath.Join(b.rootfs(), "out"), 0o755))
			if got := intoPipes(t, b.command("run", "--bundle", b.bundle, b.id)); got != "o\ne\n" {
				t.Errorf("run: %q", got)
			}
			c := b.sibling("exec", "sleep 1000", suite.InUserNamespace, as)
			c.must1(os.Mkdir(filepath.Join(c.rootfs(), "out"), 0o755))
			fifo := filepath.Join(c.bundle, "fifo")
			c.must1(unix.Mkfifo(fifo, 0o600))
			out, err := os.OpenFile(fifo, os.O_RDWR, 0)
			c.must1(err)
			defer out.Close()
			create := c.command(c.createArgs()...)
			create.Stdout = out
			c.createWith(create)
			c.start()
			for _, kept := range []string{"fifo", "stderr"} {
				var st unix.Stat_t
				c.must1(unix.Stat(filepath.Join(c.bundle, kept), &st))
				if st.Uid != 0 {
					t.Errorf("%s belongs to %d now", kept, st.Uid)
				}
			}
			if got := intoPipes(t, c.command("exec", c.id, "sh", "-c", script)); got != "o\ne\n" {
				t.Errorf("exec: %q", got)
			}
		})
	}
}

// intoPipes runs a command with pipes as stdout and stderr, and returns what it wrote to stdout and
// then to stderr. The output must fit into the pipes' buffers.
func intoPipes(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var ends [2]*os.File
	for i, to := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		ends[i], *to = r, w
	}
	suite.Execute(t, cmd)
	var said []byte
	for i, w := range []io.Writer{cmd.Stdout, cmd.Stderr} {
		w.(*os.File).Close()
		data, err := io.ReadAll(ends[i])
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, data...)
	}
	return string(said)
}
