//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/integration/suite"
)

// spyEnv makes the test program the spy of TestPodCannotSeeHost. Its value is the path of a file on
// the host.
const spyEnv = "BERTH_TEST_SPY"

// spy searches every process of its pid namespace, again and again, for a way to a file on the
// host. It writes what it finds to /out/seen.
func spy(marker string) {
	looked := map[int]bool{}
	self := os.Getpid()
	for {
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == self {
				continue
			}
			if _, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid)); err == nil && !looked[pid] {
				looked[pid] = true
				note("looked", fmt.Sprint(pid))
			}
			peer(pid, marker)
		}
		note("rounds", "over")
	}
}

// peer tries every way from a process to its files.
func peer(pid int, marker string) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	ways := []string{dir + "root", dir + "cwd"}
	fds, _ := os.ReadDir(dir + "fd")
	for _, e := range fds {
		ways = append(ways, dir+"fd/"+e.Name())
	}
	for _, way := range ways {
		up := strings.Repeat("../", 12)
		for _, path := range []string{way + marker, way + "/" + up + marker, way + "/1/root" + marker} {
			if _, err := os.Stat(path); err == nil {
				note("seen", path)
			}
		}
	}
	ns, err := os.Open(dir + "ns/mnt")
	if err != nil {
		return
	}
	defer ns.Close()
	_ = osthread.Run(func() error {
		err := osthread.Join(ns, unix.CLONE_NEWNS)
		if err == nil {
			if _, err = os.Stat(marker); err == nil {
				note("seen", dir+"ns/mnt")
			}
		}
		return err
	})
}

// note may be called by threads in another mount namespace. They find /out through the main thread.
func note(name, text string) {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/root/out/%s", os.Getpid(), name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer f.Close()
	fmt.Fprintln(f, text)
}

// awaitRound waits until the spy or tracer has looked at each process that exists now.
func (b *box) awaitRound() {
	b.Helper()
	rounds := func() int { return lines(filepath.Join(b.out, "rounds")) }
	before := rounds()
	suite.Eventually(b.T, "a whole round", func() bool { return rounds() > before+1 })
}

// TestPodCannotSeeHost checks that a container that may inspect every process of its pid namespace
// finds nothing of the host in the processes that berth brings in there: containers that join the
// namespace, and execs.
func TestPodCannotSeeHost(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(suite.Dir(), "of-the-host")
	if err := os.WriteFile(marker, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	a := newBox(t, "")
	a.spec.Process.Args = []string{"/spy"}
	a.spec.Process.Env = append(a.spec.Process.Env, spyEnv+"="+marker)
	all := []string{"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT"}
	a.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
	a.spec.Mounts = append(a.spec.Mounts, specs.Mount{Destination: "/spy", Type: "bind", Source: exe, Options: []string{"bind", "ro"}})
	a.write()
	a.create()
	a.start()
	a.awaitFile("rounds")
	rounds := 12
	if *backend == "pct" {
		rounds = 3
	}
	for i := range rounds {
		b := a.sibling(fmt.Sprint(i), "exit 3", a.sharePIDs())
		b.create()
		if s := b.state(); s.Status != "created" || s.Pid != b.pid {
			t.Errorf("state: %+v, and its pid is %d", s, b.pid)
		}
		a.awaitRound()
		b.start()
		if ws := b.wait(); ws.ExitStatus() != 3 {
			t.Errorf("it ended with %#x", ws)
		}
		b.must("delete", b.id)
		a.must("exec", a.id, "true")
	}
	looked, err := os.ReadFile(filepath.Join(a.out, "looked"))
	if n := strings.Count(string(looked), "\n"); err != nil || n < rounds {
		t.Errorf("the spy could look at %d processes only (%v)", n, err)
	}
	if seen, err := os.ReadFile(filepath.Join(a.out, "seen")); err == nil {
		t.Errorf("the host was seen through:\n%s", seen)
	}
}

// TestJoinedPID checks that a container in another container's pid namespace works like any other:
// its hooks, its end and its user namespace.
func TestJoinedPID(t *testing.T) {
	t.Parallel()
	a := newBox(t, forever, suite.InUserNamespace)
	suite.ChownTree(t, a.rootfs(), 100000)
	if err := os.Lchown(a.out, 100000, 100000); err != nil {
		t.Fatal(err)
	}
	a.running()
	join := func(name, script string) *box {
		b := a.sibling(name, script, a.sharePIDs())
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: fmt.Sprintf("/proc/%d/ns/user", a.pid)})
		b.write()
		suite.ChownTree(t, b.rootfs(), 100000)
		if err := os.Lchown(b.out, 100000, 100000); err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Run("hooks", func(t *testing.T) {
		b := join("hooks", "echo $$; readlink /proc/self/ns/pid; id -u; ulimit -n; exit 5")
		b.spec.Process.User = specs.User{UID: 7, GID: 8}
		b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
		*hookList(b.spec, "startContainer") = []specs.Hook{hook("echo hook; grep -o '\"pid\":[0-9]*'; readlink /proc/self/ns/pid; id -u >&2; exit 9")}
		b.write()
		b.create()
		space := suite.Namespace(t, a.pid, "pid")
		inner := suite.Field(t, b.pid, "NSpid")
		o := b.berth("start", b.id)
		for _, want := range []string{"output: hook", `"pid":` + strings.TrimSpace(inner[strings.LastIndex(inner, " "):]) + ";", space + "; 7"} {
			if o.Status != 1 || !strings.Contains(o.Stderr, strings.ReplaceAll(want, `"`, `\"`)) && !strings.Contains(o.Stderr, want) {
				t.Errorf("start: status %d, %q; want %q", o.Status, o.Stderr, want)
			}
		}
		if ws := b.wait(); ws.ExitStatus() != 1 {
			t.Errorf("it ended with %#x", ws)
		}
		b.must("delete", b.id)
		b.spec.Hooks = nil
		b.write()
		out, ws := b.end()
		if want := "\n" + space + "\n7\n100\n"; ws.ExitStatus() != 5 || !strings.HasSuffix(out, want) {
			t.Errorf("status %#x, stdout %q, want %q", ws, out, want)
		}
		b.must("delete", b.id)
	})
	t.Run("systemd scope", func(t *testing.T) {
		b := join("scope", "exit 4")
		b.spec.Linux.CgroupsPath = "system.slice:berth-test:" + b.id
		b.write()
		create := b.command(b.createArgs()...)
		create.Args = slices.Insert(create.Args, 1, "--systemd-cgroup")
		b.createWith(create)
		if pids := strings.Fields(b.must("ps", "--format", "json", b.id)); len(pids) != 1 || pids[0] != fmt.Sprintf("[%d]", b.pid) {
			t.Errorf("its processes: %q, want %d alone", pids, b.pid)
		}
		b.start()
		if ws := b.wait(); ws.ExitStatus() != 4 {
			t.Errorf("it ended with %#x", ws)
		}
		b.must("delete", b.id)
	})
	t.Run("killed before start", func(t *testing.T) {
		b := join("kill", "true")
		b.create()
		b.must("kill", b.id, "KILL")
		if ws := b.wait(); ws.Signal() != 9 {
			t.Errorf("it ended with %#x", ws)
		}
		b.await("stopped")
		b.must("delete", b.id)
	})
	t.Run("no interpreter", func(t *testing.T) {
		b := join("exec", "")
		if err := os.WriteFile(filepath.Join(b.rootfs(), "bin/odd"), []byte("#!/not/there\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		b.spec.Process.Args = []string{"/bin/odd"}
		b.write()
		b.create()
		b.refused("no such file or directory", "start", b.id)
		if ws := b.wait(); ws.ExitStatus() != 127 {
			t.Errorf("it ended with %#x", ws)
		}
		b.must("delete", b.id)
	})
	a.kill()
}
