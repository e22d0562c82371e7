//go:build linux && testhost

package operate

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// TestDetach checks that when exec --detach returns, the process is a child of berth's caller and
// already runs the program, and that it ends with its own exit status.
func TestDetach(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){
		"plain": nil, "user namespace": {suite.InUserNamespace}, "host's processes": {withHostPIDs}, "both": {suite.InUserNamespace, withHostPIDs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, edits...)
			b.expect("exec", "--detach", "--pid-file", b.path("exec.pid"), b.id, "sh", "-c", "read line; exit 42")
			pid := b.readPid("exec.pid")
			if status := suite.WaitFor(t, pid); status.ExitStatus() != 42 {
				t.Errorf("status %#x", status)
			}
			b.expect("exec", "--detach", "--pid-file", b.path("sleep.pid"), b.id, "sleep", "1000")
			pid = b.readPid("sleep.pid")
			if p, err := suite.ReadProcess(pid); err != nil || p.Comm != "sleep" || p.Parent != os.Getpid() {
				t.Errorf("not a sleep that is our child: %+v, %v", p, err)
			}
			if list := b.expect("ps", "--format", "json", b.id); !strings.Contains(list, strconv.Itoa(pid)) {
				t.Errorf("process %d is not among %s", pid, list)
			}
			if ours, first := suite.Proc(t, pid, "cgroup"), suite.Proc(t, b.pid, "cgroup"); ours != first {
				t.Errorf("cgroup %q, the first process's %q", ours, first)
			}
			if err := unix.Kill(pid, unix.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			if status := suite.WaitFor(t, pid); status.Signal() != unix.SIGUSR1 {
				t.Errorf("status %#x", status)
			}
		})
	}
}

// TestStreams checks that stdin, stdout and stderr are the caller's own.
func TestStreams(t *testing.T) {
	t.Parallel()
	b := run(t)
	cmd := b.command("exec", b.id, "sh", "-c", "cat; echo error >&2")
	cmd.Stdin = strings.NewReader("input\n")
	if o := suite.Execute(t, cmd); o != (suite.Outcome{Stdout: "input\n", Stderr: "error\n"}) {
		t.Errorf("%+v", o)
	}
}

// TestSignalsAreForwarded checks that exec forwards signals to a process in the foreground.
func TestSignalsAreForwarded(t *testing.T) {
	t.Parallel()
	b := run(t)
	cmd := b.command("exec", b.id, "sh", "-c", "trap 'exit 77' TERM; touch /ready; while :; do sleep 0.1; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.ready()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 77 {
		t.Errorf("status %d", code)
	}
}

// TestPreserveFDs checks that the program gets the descriptors of --preserve-fds and no others that
// the caller has left open.
func TestPreserveFDs(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){"plain": nil, "user namespace": {suite.InUserNamespace}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, edits...)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			cmd := b.command("exec", "--preserve-fds=2", b.id, "sh", "-c", "echo pipe >&4; busybox echo $(busybox ls /proc/self/fd)")
			cmd.ExtraFiles = []*os.File{r, w, r, w}
			if o := suite.Execute(t, cmd); o.Stdout != "0 1 2 3 4 5\n" || o.Status != 0 {
				t.Errorf("%+v", o)
			}
			text := make([]byte, 16)
			if n, err := r.Read(text); err != nil || string(text[:n]) != "pipe\n" {
				t.Errorf("%q, %v", text[:n], err)
			}
			if o := b.exec("--preserve-fds=1", "true"); o.Status != 255 {
				t.Errorf("what is not open is preserved: %+v", o)
			}
		})
	}
}

// TestParallel runs eight execs at a time. Each must return its own exit status.
func TestParallel(t *testing.T) {
	t.Parallel()
	b := run(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 6 {
				want := 10*i + j + 1
				if o := b.exec("sh", "-c", fmt.Sprintf("exit %d", want)); o.Status != want {
					t.Errorf("%+v, want status %d", o, want)
				}
			}
		})
	}
	group.Wait()
}

// TestDying runs execs while the container is killed. Each exec must end and leave nothing behind,
// which the suite checks at its end.
func TestDying(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){
		"plain": nil, "user namespace": {suite.InUserNamespace}, "host's processes": {withHostPIDs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, edits...)
			var group sync.WaitGroup
			for i := range 4 {
				group.Go(func() {
					for {
						o := b.exec("sleep", "1000")
						if o.Status != 137 && o.Status != 255 {
							t.Errorf("%d: %+v", i, o)
						}
						if o.Status == 255 {
							if !strings.Contains(o.Stderr, "exec failed: cannot exec in a stopped container") &&
								!strings.Contains(o.Stderr, "exec failed: container not running") {
								t.Errorf("%d: %+v", i, o)
							}
							return
						}
					}
				})
			}
			// The shell, its sleep, and that of an exec.
			suite.Eventually(t, "an exec", func() bool { return len(b.processes()) > 2 })
			b.expect("kill", "--all", b.id, "KILL")
			group.Wait()
			b.await("stopped")
		})
	}
}

// TestSubCgroup checks that --cgroup accepts a child cgroup of the container's and no other.
func TestSubCgroup(t *testing.T) {
	t.Parallel()
	b := run(t, func(s *specs.Spec) {
		s.Mounts[len(s.Mounts)-1].Options = []string{"rw"}
		s.Process.Args = []string{"sh", "-c", "mkdir /sys/fs/cgroup/sub; touch /ready; sleep 1000"}
	})
	b.ready()
	if o := b.exec("--cgroup=sub", "grep", "^0:", "/proc/self/cgroup"); o.Stdout != "0::/sub\n" {
		t.Errorf("%+v", o)
	}
	for _, name := range []string{"--cgroup=none", "--cgroup=../..", "--cgroup=cpu:sub"} {
		if o := b.exec(name, "true"); o.Status != 255 || !strings.Contains(o.Stderr, "--cgroup") {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestCPUAffinity checks that process.execCPUAffinity binds the process to CPUs.
func TestCPUAffinity(t *testing.T) {
	t.Parallel()
	b := run(t)
	p := &specs.Process{Args: []string{"grep", "Cpus_allowed_list", "/proc/self/status"}, Cwd: "/", Env: []string{"PATH=/bin"}}
	for _, a := range []specs.CPUAffinity{{Initial: "0"}, {Final: "0"}, {Initial: "0", Final: "0"}} {
		p.ExecCPUAffinity = &a
		if o := b.exec("--process=" + b.writeJSON("process.json", p)); o.Stdout != "Cpus_allowed_list:\t0\n" {
			t.Errorf("%+v: %+v", a, o)
		}
	}
}

// TestNoBerthInside checks that a watcher in the container never sees a berth program that it could
// access while execs come and go.
func TestNoBerthInside(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){"plain": nil, "user namespace": {suite.InUserNamespace}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, append(edits, func(s *specs.Spec) {
				s.Process.Args = []string{"sh", "-c", "while [ ! -e /stop ]; do readlink /proc/[0-9]*/exe /proc/[0-9]*/fd/*; cat /proc/[0-9]*/maps; done >/seen 2>/dev/null; sleep 1000"}
			})...)
			for range 40 {
				if o := b.exec("true"); o.Status != 0 {
					t.Fatalf("%+v", o)
				}
			}
			b.exec("touch", "/stop")
			seen, err := os.ReadFile(b.path("rootfs/seen"))
			if err != nil || len(seen) == 0 {
				t.Fatalf("the watcher saw %d bytes, %v", len(seen), err)
			}
			for line := range strings.Lines(string(seen)) {
				if strings.Contains(line, "berth") && !strings.Contains(line, "stub-init") && !strings.Contains(line, b.dir) {
					t.Fatalf("seen: %s", line)
				}
			}
		})
	}
}

// TestBundleChanged checks that exec uses the config that create saved, not the bundle's.
func TestBundleChanged(t *testing.T) {
	t.Parallel()
	b := run(t, particular)
	if err := os.WriteFile(b.path("config.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o := b.exec("id", "-u"); o.Stdout != "7\n" {
		t.Errorf("%+v", o)
	}
}

// TestPidfdSocket checks that the engine gets a pidfd of the process.
func TestPidfdSocket(t *testing.T) {
	t.Parallel()
	b := run(t)
	l := suite.Listen(t)
	cmd := b.command("exec", "--pidfd-socket="+l.Path, b.id, "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pidfd, _ := l.Receive(t)
	if err := unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGKILL, nil, 0); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 137 {
		t.Errorf("status %d", code)
	}
}
