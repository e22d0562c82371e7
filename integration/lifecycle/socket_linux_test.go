//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// onHostNetwork gives a container the host's network and the test program as /caller.
func onHostNetwork(t *testing.T) func(*specs.Spec) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(s *specs.Spec) {
		suite.Share(specs.NetworkNamespace, "")(s)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/caller", Type: "bind", Source: exe, Options: []string{"bind", "ro"}})
		for i, m := range s.Mounts {
			if m.Destination == "/sys" { // a sysfs needs a network namespace that the container owns
				s.Mounts[i] = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rbind", "ro"}}
			}
		}
	}
}

// call runs the caller in the container with exec and returns what it printed.
func (b *box) call(what string) string {
	b.Helper()
	o := b.berth("exec", "--env", callerEnv+"="+what, b.id, "/caller")
	if o.Status != 0 || o.Stderr != "" {
		b.Errorf("the caller: status %d, %q", o.Status, o.Stderr)
	}
	return o.Stdout
}

// checkRefused checks that text has a line for each address and that all connections were refused.
func checkRefused(t *testing.T, text string, addresses []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, " operation not permitted\n") {
			t.Errorf("it said %q", line)
		}
	}
	for _, at := range addresses {
		if !strings.Contains(text, " "+at+" ") {
			t.Errorf("%s was not tried: %q", at, text)
		}
	}
}

var ordinaries atomic.Int32

// ordinaryLXC starts an administrator's LXC container. It returns the container's name and its
// monitor's address.
func ordinaryLXC(t *testing.T) (name, address string) {
	t.Helper()
	dir := t.TempDir()
	name = fmt.Sprintf("ordinary-%d-%d", os.Getpid(), ordinaries.Add(1))
	root := filepath.Join(dir, "rootfs")
	suite.CopyTree(t, *baseRoot, root)
	config := filepath.Join(dir, "config")
	text := "lxc.rootfs.path = dir:" + root + "\nlxc.uts.name = ordinary\nlxc.init.cmd = /bin/sleep 1000\nlxc.apparmor.profile = unconfined\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("lxc-start", "-F", "-n", name, "-f", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	suite.Adopt(cmd.Process.Pid)
	t.Cleanup(func() {
		suite.Output(t, "lxc-stop", "-k", "-n", name)
		suite.WaitFor(t, cmd.Process.Pid)
	})
	suite.Output(t, "lxc-wait", "-n", name, "-s", "RUNNING", "-t", "20")
	return name, "/var/lib/lxc/" + name + "/command"
}

// TestCommandSockets checks that no process of a container on the host's network reaches a
// monitor's command socket: its own, a sibling's or an ordinary container's. The administrator's
// tools still do.
func TestCommandSockets(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	name, ordinary := ordinaryLXC(t)
	sibling := newBox(t, forever)
	sibling.create()
	b := newBox(t, "/caller >/out/first; echo >/out/done; sleep 1000", onHostNetwork(t))
	b.spec.Process.Env = append(b.spec.Process.Env, callerEnv+"=")
	b.write()
	b.create()
	var addresses []string
	for _, box := range []*box{b, sibling} {
		addresses = append(addresses, "/var/lib/lxc/"+box.enclosureName()+"/command")
	}
	addresses = append(addresses, ordinary)
	b.start()
	b.awaitFile("done")
	text := b.awaitFile("first")
	checkRefused(t, text, addresses)
	for way := range ways {
		if n := strings.Count(text, way+": /var/lib/lxc/"); n < len(addresses) {
			t.Errorf("%s: it called %d addresses: %q", way, n, text)
		}
	}
	if n := strings.Count(text, "inherited: /var/lib/lxc/"); n < 2*len(addresses) {
		t.Errorf("with a socket from outside of its namespaces it called %d addresses: %q", n, text)
	}
	checkRefused(t, b.call(""), addresses)

	if got := strings.TrimSpace(suite.Output(t, "lxc-info", "-n", name, "-s", "-H")); got != "RUNNING" {
		t.Errorf("lxc-info of the ordinary container: %s", got)
	}
	if got := strings.TrimSpace(suite.Output(t, "lxc-info", "-n", b.enclosureName(), "-s", "-H")); got != "RUNNING" {
		t.Errorf("lxc-info: %s", got)
	}
	stop := []string{"lxc-stop", "-k", "-n", b.enclosureName()}
	if *backend == "pct" {
		vmid := b.enclosureName()
		if list := suite.Output(t, "pct", "list"); !strings.Contains(list, vmid) {
			t.Errorf("pct list: %q", list)
		}
		if got := suite.Output(t, "pct", "exec", vmid, "--", "cat", "/out/done"); got != "\n" {
			t.Errorf("pct exec: %q", got)
		}
		stop = []string{"pct", "stop", vmid}
	}
	suite.Output(t, stop[0], stop[1:]...)
	b.wait()
	b.await("stopped")
}

// TestCommandSocketsElsewhere checks the same for a container that joins a network namespace by its
// path, has a user namespace or capabilities, is in a child cgroup of its own, or is in another
// container's or the host's pid namespace.
func TestCommandSocketsElsewhere(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	_, ordinary := ordinaryLXC(t)
	more := func(names ...string) func(*specs.Spec) {
		all := append(slices.Clone(defaultCaps), names...)
		return func(s *specs.Spec) {
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all, Ambient: all}
		}
	}
	writable := func(s *specs.Spec) {
		i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/sys/fs/cgroup" })
		s.Mounts[i].Options = []string{"rw", "nosuid", "noexec", "nodev"}
	}
	pod := newBox(t, forever)
	pod.create()
	for _, c := range []struct {
		name, what string
		edit       func(*specs.Spec)
	}{
		{"a network namespace by path", "", suite.Share(specs.NetworkNamespace, "/proc/self/ns/net")},
		{"capabilities", "", more("CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_PTRACE", "CAP_IPC_LOCK")},
		{"a lower cgroup", "lower", writable},
		{"a joined pid namespace", "", pod.sharePIDs()},
		{"the host's pid namespace", "", suite.Share(specs.PIDNamespace, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, "/caller", onHostNetwork(t), c.edit)
			b.spec.Process.Env = append(b.spec.Process.Env, callerEnv+"="+c.what)
			b.write()
			text, ws := b.end()
			if ws.ExitStatus() != 0 {
				t.Errorf("it ended with %#x: %s", ws, b.said("stderr"))
			}
			checkRefused(t, text, []string{ordinary})
		})
	}
	t.Run("a user namespace", func(t *testing.T) {
		b := newBox(t, "/caller", onHostNetwork(t), suite.InUserNamespace)
		b.spec.Process.Env = append(b.spec.Process.Env, callerEnv+"=one "+ordinary)
		b.spec.Mounts = slices.DeleteFunc(b.spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev/mqueue" })
		b.write()
		suite.ChownTree(t, b.rootfs(), 100000)
		text, _ := b.end()
		checkRefused(t, text, []string{ordinary})
	})
}

// TestCommandSocketGiven checks that a socket from such a container is useless to another container
// that has its own network namespace.
func TestCommandSocketGiven(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	giver := newBox(t, "/caller", onHostNetwork(t))
	giver.spec.Process.Env = append(giver.spec.Process.Env, callerEnv+"=give")
	giver.write()
	giver.create()
	taker := giver.sibling("taker", "/caller", func(s *specs.Spec) {
		i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/out" })
		s.Mounts[i].Source = giver.out
		mounts := s.Mounts
		onHostNetwork(t)(s)
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		s.Mounts = append(mounts[:len(mounts):len(mounts)], s.Mounts[len(mounts)])
	})
	taker.spec.Process.Env = append(taker.spec.Process.Env, callerEnv+"=take")
	taker.write()
	taker.create()
	giver.start()
	taker.start()
	taker.wait()
	giver.wait()
	checkRefused(t, taker.said("stdout"), []string{"/var/lib/lxc/" + giver.enclosureName() + "/command", "/var/lib/lxc/" + taker.enclosureName() + "/command"})
}

// TestHostsAbstractSockets checks that a container on the host's network reaches abstract sockets
// that are not LXC's, as under any runtime.
func TestHostsAbstractSockets(t *testing.T) {
	t.Parallel()
	names := []string{fmt.Sprintf("berth-test-%d", os.Getpid()), fmt.Sprintf("org/example/%d/command/x", os.Getpid())}
	if !coarse(t) {
		names = append(names, fmt.Sprintf("/tmp/.X11-unix/X%d", os.Getpid()), fmt.Sprintf("lxcfs/%d", os.Getpid()))
	}
	for _, at := range names {
		fd := listenAbstract(t, at)
		defer unix.Close(fd)
	}
	b := newBox(t, forever, onHostNetwork(t))
	b.create()
	b.start()
	for _, at := range names {
		if got, want := b.call("one "+at), "one: "+at+" CONNECTED\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// coarse reports whether the kernel refuses more than LXC's addresses, according to berth features.
func coarse(t *testing.T) bool {
	t.Helper()
	return !isPeer() && strings.Contains(suite.Output(t, *program, "features"), `"io.github.berth-oci.berth.lxc-sockets": "refused with others"`)
}

func listenAbstract(t *testing.T, at string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + at})
	}
	if err == nil {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		t.Fatalf("listen at @%s: %v", at, err)
	}
	return fd
}

// TestNoOtherCgroup checks that no child can start in another cgroup. The programs that refuse
// connections belong to the container's cgroup, and a directory on a read-only mount would be
// enough to leave it (CLONE_INTO_CGROUP, clone3(2)).
func TestNoOtherCgroup(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	for name, edit := range map[string]func(*specs.Spec){
		"the host's cgroup namespace":                         suite.Share(specs.CgroupNamespace, ""),
		"the host's cgroups in a cgroup namespace of its own": func(s *specs.Spec) {},
		"a seccomp profile that allows clone3": func(s *specs.Spec) {
			suite.Share(specs.CgroupNamespace, "")(s)
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActLog, Syscalls: []specs.LinuxSyscall{{Names: []string{"clone3"}, Action: specs.ActAllow}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "/caller >/out/first; echo >/out/done; sleep 1000", onHostNetwork(t), edit)
			b.spec.Mounts = slices.DeleteFunc(b.spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/sys/fs/cgroup" })
			b.spec.Process.Env = append(b.spec.Process.Env, callerEnv+"=leave")
			b.write()
			b.create()
			b.start()
			b.awaitFile("done")
			stays(t, "the first process", b.awaitFile("first"))
			stays(t, "exec", b.call("leave"))
			b.kill()
			b.must("delete", b.id)
		})
	}
}

// stays checks the caller's output: it could not start a child in any cgroup.
func stays(t *testing.T, who, text string) {
	t.Helper()
	n := 0
	for line := range strings.Lines(text) {
		if n++; !strings.HasPrefix(line, "leave: /sys/fs/cgroup") || !strings.HasSuffix(line, " function not implemented\n") {
			t.Errorf("%s: it said %q", who, line)
		}
	}
	if n < 3 {
		t.Errorf("%s: it tried %d cgroups: %q", who, n, text)
	}
}

// TestNoOtherCgroupLater checks the same for exec's process, in the network namespace that the
// first process has left.
func TestNoOtherCgroupLater(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "exec unshare -n sh -c 'echo >/out/left; sleep 1000'", onHostNetwork(t), suite.Share(specs.CgroupNamespace, ""), func(s *specs.Spec) {
		all := append(slices.Clone(defaultCaps), "CAP_SYS_ADMIN")
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
		s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/sys/fs/cgroup" })
	})
	b.spec.Process.Env = append(b.spec.Process.Env, callerEnv+"=leave")
	b.write()
	b.create()
	b.start()
	b.awaitFile("left")
	if suite.Namespace(t, b.pid, "net") == suite.Namespace(t, os.Getpid(), "net") {
		t.Error("the first process is in the host's network namespace")
	}
	stays(t, "exec", b.call("leave"))
}

// TestTakenCommandSocket runs create while another process listens at the address of the command
// socket and never answers.
func TestTakenCommandSocket(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "exit 3")
	b.create()
	name := b.enclosureName()
	b.must("delete", "--force", b.id)
	b.wait()
	fd := listenAbstract(t, "/var/lib/lxc/"+name+"/command")
	defer unix.Close(fd)
	begin := time.Now()
	if *backend == "pct" { // another VMID works as well
		b.create()
		if got := b.enclosureName(); got == name {
			t.Errorf("it has VMID %s again", got)
		}
		b.start()
		if ws := b.wait(); ws.ExitStatus() != 3 {
			t.Errorf("it ended with %#x", ws)
		}
		return
	}
	b.refused("address already in use: process ", b.createArgs()...)
	if took := time.Since(begin); took > suite.Patience {
		t.Errorf("create failed after %v", took)
	}
}

// TestOpenSocketNotPreserved checks that --preserve-fds refuses a socket with which the container
// could connect to the host's sockets, and accepts a listening one.
func TestOpenSocketNotPreserved(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "exit 3")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	try := func() suite.Outcome {
		cmd := b.command("run", "--bundle", b.bundle, "--preserve-fds", "1", b.id)
		cmd.ExtraFiles = []*os.File{f}
		return suite.Execute(t, cmd)
	}
	if o := try(); o.Status != 1 || !strings.Contains(o.Stderr, "descriptor 3 of --preserve-fds or LISTEN_FDS: ") {
		t.Errorf("status %d, %q", o.Status, o.Stderr)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "s")}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	if o := try(); o.Status != 3 {
		t.Errorf("one that listens: status %d, %q", o.Status, o.Stderr)
	}
}

// noBPFEnv makes the test program run another program without bpf(2).
const noBPFEnv = "BERTH_TEST_NO_BPF"

// withoutBPF executes the program in its arguments with a seccomp filter that makes bpf(2) fail.
func withoutBPF() {
	os.Unsetenv(noBPFEnv)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_BPF, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(prog))); errno != 0 {
		fmt.Fprintln(os.Stderr, "seccomp:", errno)
		os.Exit(9)
	}
	fmt.Fprintln(os.Stderr, unix.Exec(os.Args[1], os.Args[1:], os.Environ()))
	os.Exit(9)
}

// TestCommandSocketsUnguarded checks that create refuses such a container if the kernel cannot keep
// it from LXC's command sockets, and starts no monitor where such a container could come.
func TestCommandSocketsUnguarded(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	createWithoutBPF := func(b *box, attr *syscall.SysProcAttr, words ...string) {
		cmd := b.command(b.createArgs()...)
		cmd.Args = append([]string{exe, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = exe
		cmd.Env = append(os.Environ(), noBPFEnv+"=1")
		cmd.SysProcAttr = attr
		o := suite.Execute(b.T, cmd)
		if o.Status != 1 {
			b.Errorf("create: status %d", o.Status)
		}
		for _, want := range words {
			if !strings.Contains(o.Stderr, want) {
				b.Errorf("create: %q does not say %q", o.Stderr, want)
			}
		}
	}
	if *backend == "lxc" { // with pct, Proxmox VE starts the monitor
		t.Run("berth elsewhere", func(t *testing.T) {
			createWithoutBPF(newBox(t, forever), &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}, "another network namespace than process 1", "Linux 6.7")
		})
	}
	for name, c := range map[string]struct {
		path string // of the namespace
		want string
	}{
		"the host's": {"", "linux.namespaces: "},
		"by path":    {"/proc/self/ns/net", "linux.namespaces[5].path: "},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, forever, onHostNetwork(t), suite.Share(specs.NetworkNamespace, c.path))
			createWithoutBPF(b, nil, c.want, "Linux 6.7", "user namespace", "crun")
		})
	}
}
