//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/integration/suite"
)

// stopperEnv makes the test program stop all other processes that it sees.
const stopperEnv = "BERTH_TEST_STOPPER"

func stopAll() {
	self := os.Getpid()
	for announced := false; ; announced = true {
		entries, _ := os.ReadDir("/proc")
		for pid := 1; pid < 400; pid++ {
			if pid != self {
				_ = unix.Kill(pid, unix.SIGSTOP)
			}
		}
		for _, e := range entries {
			if pid, err := strconv.Atoi(e.Name()); err == nil && pid != self {
				_ = unix.Kill(pid, unix.SIGSTOP)
			}
		}
		if !announced {
			note("stopping", "yes")
		}
	}
}

// background is a berth command that may never end by itself.
type background struct {
	*box
	args []string
	done chan suite.Outcome
}

func (b *box) background(args ...string) *background {
	b.Helper()
	return &background{b, args, suite.Background(b.command(args...))}
}

// end waits for the command to end and returns its outcome. It fails the test if the command waits
// forever.
func (g *background) end() suite.Outcome {
	g.Helper()
	select {
	case o := <-g.done:
		return o
	case <-time.After(suite.Patience):
		g.Fatalf("%q has not ended after %v", g.args, suite.Patience)
		return suite.Outcome{}
	}
}

// removed checks that delete --force succeeds and removes the record.
func (b *box) removed() {
	b.Helper()
	if o := b.background("delete", "--force", b.id).end(); o.Status != 0 || o.Stderr != "" {
		b.Errorf("delete --force: status %d: %s", o.Status, o.Stderr)
	}
	if _, err := os.Lstat(filepath.Join(b.root, b.id)); err == nil {
		b.Error("the record is still there")
	}
}

// stopsItself gives the container a hook that stops the container's process during create and then
// writes its pid to /out/stopped.
func stopsItself(b *box) {
	b.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c",
		`pid=$(sed 's/.*"pid":\([0-9]*\).*/\1/'); kill -STOP $pid; echo $pid >` + b.out + `/stopped`}}}}
	b.write()
}

// TestCreating checks that a container in state creating cannot be signalled, started, paused,
// updated or deleted. delete --force works and does not wait for the stopped process.
func TestCreating(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	stopsItself(b)
	create := b.background(b.createArgs()...)
	pid, err := strconv.Atoi(strings.TrimSpace(b.awaitFile("stopped")))
	if err != nil {
		t.Fatal(err)
	}
	b.await("creating")
	for _, c := range []struct{ words, args string }{
		{"container not running", "kill ID TERM"},
		{"container not running", "kill ID KILL"},
		{"container not running", "kill --all ID KILL"},
		{"cannot start a container that is being created", "start ID"},
		{"is not stopped: creating", "delete ID"},
		{"container not running", "pause ID"},
		{"container not paused", "resume ID"},
		{"container not running", "update --pids-limit 10 ID"},
	} {
		b.refused(c.words, strings.Fields(strings.ReplaceAll(c.args, "ID", b.id))...)
	}
	if o := b.berth("exec", b.id, "true"); o.Status != 255 || !strings.Contains(o.Stderr, "cannot exec in a stopped container") {
		t.Errorf("exec: status %d: %s", o.Status, o.Stderr)
	}
	if state := suite.Field(t, pid, "State"); !strings.HasPrefix(state, "T") {
		t.Errorf("the container's process is in state %s", state)
	}
	b.removed()
	if o := create.end(); o.Status != 1 || !strings.Contains(o.Stderr, "interrupted by SIGTERM") {
		t.Errorf("create: status %d: %s", o.Status, o.Stderr)
	}
}

// TestStoppedWhileCreated checks that a create whose process is stopped also ends by itself and
// says why.
func TestStoppedWhileCreated(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	stopsItself(b)
	create := b.background(b.createArgs()...)
	pid := strings.TrimSpace(b.awaitFile("stopped"))
	o := create.end()
	if o.Status != 1 || !strings.Contains(o.Stderr, "process "+pid+" (") || !strings.Contains(o.Stderr, "has been stopped for 10s") {
		t.Errorf("create: status %d: %s", o.Status, o.Stderr)
	}
	if _, err := os.Lstat(filepath.Join(b.root, b.id)); err == nil {
		t.Error("the record is still there")
	}
}

// TestStopper runs a pod in which one container stops every process that enters its pid namespace.
// It must not hold up delete --force.
func TestStopper(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := newBox(t, "")
	a.spec.Process.Args = []string{"/stopper"}
	a.spec.Process.Env = append(a.spec.Process.Env, stopperEnv+"=1")
	a.spec.Mounts = append(a.spec.Mounts, specs.Mount{Destination: "/stopper", Type: "bind", Source: exe, Options: []string{"bind", "ro"}})
	a.write()
	a.create()
	a.start()
	a.awaitFile("stopping")
	for i := range 3 {
		b := a.sibling(fmt.Sprint(i), forever, a.sharePIDs())
		create := b.background(b.createArgs()...)
		select {
		case o := <-create.done:
			create.done <- o
		case <-time.After(time.Second): // create most likely hangs forever
		}
		b.removed()
		if o := create.end(); o.Status == 0 {
			b.pid, err = suite.ReadPid(b.pidFile())
			b.must1(err)
			b.wait()
		}
	}
	if got := a.state().Status; got != "running" {
		t.Errorf("the pod's first container is %s", got)
	}
	a.removed()
	a.wait()
}

// TestStarting checks that a waiting start does not hold up delete --force.
func TestStarting(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo yes >/out/hook; sleep 1000"}}}}
	b.write()
	b.create()
	start := b.background("start", b.id)
	b.awaitFile("hook")
	b.removed()
	start.end() // start may succeed: it takes a killed process for one that ran
	b.wait()
}

// TestKilledWhileStarted kills the container's process while a tool that never ends should start
// the enclosure. create must report this at once.
func TestKilledWhileStarted(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	var flags []string
	if *backend == "pct" {
		flags = b.pctThat(`[ "$1" != start ] || { echo yes >` + b.out + `/hangs; exec sleep 1000; }; exec "$PCT" "$@"`)
	} else {
		flags = b.lxcStartThat(`echo yes >` + b.out + `/hangs; exec sleep 1000`)
	}
	create := b.background(append(flags, b.createArgs()...)...)
	b.awaitFile("hangs")
	initProc := b.initProc()
	if err := unix.Kill(initProc, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	o := create.end()
	if o.Status != 1 || !strings.Contains(o.Stderr, "the container's process was killed by signal 9") {
		t.Errorf("create: status %d: %s", o.Status, o.Stderr)
	}
	if _, err := os.Lstat(filepath.Join(b.root, b.id)); err == nil {
		t.Error("the record is still there")
	}
}

// lxcStartThat makes a configuration in which lxc-start is a shell script. It returns the flags
// that select the configuration.
func (b *box) lxcStartThat(script string) (flags []string) {
	b.Helper()
	dir := filepath.Join(filepath.Dir(b.bundle), "lxc")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := executable.Write(filepath.Join(dir, "lxc-start"), []byte("#!/bin/sh\n"+script+"\n")); err != nil {
		b.Fatal(err)
	}
	config := filepath.Join(filepath.Dir(b.bundle), "berth.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "[lxc]\npath = %q\n", dir), 0o644); err != nil {
		b.Fatal(err)
	}
	return []string{"--config", config}
}

// initProc returns the pid in the record of a container in state creating.
func (b *box) initProc() int {
	b.Helper()
	pid := b.state().Pid
	if pid == 0 {
		b.Fatal("the record names no process")
	}
	return pid
}

// TestFileSizeLimit checks that a low RLIMIT_FSIZE of berth's caller applies only to the
// container's process. If berth may not raise its own limit, create says so at once.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	for _, c := range []struct {
		limit, want string
		refused     bool // create is refused if berth may not raise the limit
	}{
		{"2000:unlimited", "2000 unlimited", false},
		{"2000:2000", "2000 2000", true},
	} {
		t.Run(c.limit, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, `while read -r a b c soft hard e; do [ "$a $b $c" != "Max file size" ] || echo $soft $hard; done </proc/self/limits`)
			begin := time.Now()
			berth := b.command("run", "--bundle", b.bundle, b.id)
			cmd := exec.Command("prlimit", append([]string{"--fsize=" + c.limit, "--"}, berth.Args...)...)
			o := suite.Execute(t, cmd)
			if refused := o.Status == 1 && strings.Contains(o.Stderr, "RLIMIT_FSIZE"); c.refused && refused && !mayRaiseLimits(t) {
				if took := time.Since(begin); took > suite.Patience {
					t.Errorf("it was refused after %v", took)
				}
				return
			}
			if o.Status != 0 || strings.TrimSpace(o.Stdout) != c.want {
				t.Errorf("status %d, limits %q, want %q; stderr %s", o.Status, o.Stdout, c.want, o.Stderr)
			}
		})
	}
}

// mayRaiseLimits reports whether a hard limit can be raised on this host.
func mayRaiseLimits(t *testing.T) bool {
	t.Helper()
	mask, err := strconv.ParseUint(suite.Field(t, os.Getpid(), "CapEff"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// TestLongValues checks that an error does not repeat a long value of config.json.
func TestLongValues(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	long := "/" + strings.Repeat("A", 200000)
	for name, edit := range map[string]func(*specs.Spec){
		"root.path":          func(s *specs.Spec) { s.Root.Path = long },
		"mounts.source":      func(s *specs.Spec) { s.Mounts[len(s.Mounts)-1].Source = long },
		"mounts.destination": func(s *specs.Spec) { s.Mounts[len(s.Mounts)-1].Destination = long },
		"mounts.type":        func(s *specs.Spec) { s.Mounts[1].Type = long },
		"mounts.options":     func(s *specs.Spec) { s.Mounts[1].Options = []string{"mode=" + long} },
		"process.args":       func(s *specs.Spec) { s.Process.Args = []string{long} },
		"process.cwd":        func(s *specs.Spec) { s.Process.Cwd = long },
		"process.apparmor":   func(s *specs.Spec) { s.Process.ApparmorProfile = long },
		"hostname":           func(s *specs.Spec) { s.Hostname = long },
		"hooks.path":         func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: long}}} },
		"hooks.path inside":  func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: long}}} },
		"linux.namespaces":   suite.Share(specs.IPCNamespace, long),
		"linux.devices.path": func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev" + long, Type: "c", Major: 1, Minor: 3}}
		},
		"linux.sysctl":        func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.core.somaxconn": long} },
		"linux.sysctl's key":  func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net." + long[1:]: "1"} },
		"linux.readonlyPaths": func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{long} },
		"linux.maskedPaths":   func(s *specs.Spec) { s.Linux.MaskedPaths = []string{long} },
		"linux.seccomp": func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.LinuxSeccompAction(long)}
		},
		"linux.netDevices":  func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{long[1:]: {}} },
		"linux.propagation": func(s *specs.Spec) { s.Linux.RootfsPropagation = long },
		"linux.mountLabel":  func(s *specs.Spec) { s.Linux.MountLabel = long },
		"linux.personality": func(s *specs.Spec) {
			s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.LinuxPersonalityDomain(long)}
		},
		"linux.unified's key":  func(s *specs.Spec) { s.Linux.Resources.Unified = map[string]string{long[1:]: "1"} },
		"linux.cgroupsPath":    func(s *specs.Spec) { s.Linux.CgroupsPath = long },
		"process.rlimits.type": func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: long}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "exit 0", edit)
			o := b.run()
			if o.Status == 0 && strings.HasPrefix(name, "linux.") {
				return // the path need not exist, or the backend uses its own cgroup
			}
			if o.Status == 0 || len(o.Stderr) > 4096 || o.Stderr == "" {
				t.Errorf("status %d, %d bytes: %.500s", o.Status, len(o.Stderr), o.Stderr)
			}
		})
	}
}
