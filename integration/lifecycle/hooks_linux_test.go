//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// hookPoints are in the order of a container's life.
var hookPoints = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

func hookList(s *specs.Spec, point string) *[]specs.Hook {
	if s.Hooks == nil {
		s.Hooks = &specs.Hooks{}
	}
	return map[string]*[]specs.Hook{
		"prestart":        &s.Hooks.Prestart, //lint:ignore SA1019 deprecated, and in use
		"createRuntime":   &s.Hooks.CreateRuntime,
		"createContainer": &s.Hooks.CreateContainer,
		"startContainer":  &s.Hooks.StartContainer,
		"poststart":       &s.Hooks.Poststart,
		"poststop":        &s.Hooks.Poststop,
	}[point]
}

// hook returns a hook that runs a shell script. A startContainer hook uses the container's shell.
func hook(script string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOOK=yes"}}
}

// addHooks adds two hooks to each point. They write what they see to the box's out directory.
func addHooks(b *box) {
	for _, point := range hookPoints {
		out := b.out
		if point == "startContainer" {
			out = "/out"
		}
		for i := range 2 {
			*hookList(b.spec, point) = append(*hookList(b.spec, point), hook(fmt.Sprintf(
				`cat >%[1]s/%[2]s%[3]d; echo %[2]s%[3]d >>%[1]s/order; for n in mnt pid net uts ipc; do readlink /proc/self/ns/$n; done >%[1]s/%[2]s%[3]d.ns; echo $HOOK $PATH >%[1]s/%[2]s%[3]d.env; env | wc -l >>%[1]s/%[2]s%[3]d.env`,
				out, point, i)))
		}
	}
	b.write()
}

func (b *box) order() string {
	data, _ := os.ReadFile(filepath.Join(b.out, "order"))
	return strings.Join(strings.Fields(string(data)), " ")
}

// TestHooks checks that hooks run in order, at the right time and in the right namespaces, and read
// the state of that time.
func TestHooks(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc runs poststart hooks in create
	b := newBox(t, "echo process >>/out/order; read x")
	b.spec.Annotations = map[string]string{"a": "b\nc"}
	addHooks(b)
	b.create()
	created := "prestart0 prestart1 createRuntime0 createRuntime1 createContainer0 createContainer1"
	if got := b.order(); got != created {
		t.Errorf("after create: %q, want %q", got, created)
	}
	host, inside := b.out, b.pid
	mnt := suite.Namespace(t, inside, "mnt")
	b.start()
	b.wait()
	started := created + " startContainer0 startContainer1"
	// The process runs beside the poststart hooks.
	if got := b.order(); !strings.HasPrefix(got, started) || strings.Count(got, " process") != 1 ||
		strings.Replace(got, " process", "", 1) != started+" poststart0 poststart1" {
		t.Errorf("after start: %q", got)
	}
	b.must("delete", b.id)
	if got := b.order(); !strings.HasSuffix(got, " poststop0 poststop1") {
		t.Errorf("after delete: %q", got)
	}

	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	for point, want := range map[string]struct {
		status string
		pid    int
		mnt    string
	}{
		"prestart":        {"creating", inside, own},
		"createRuntime":   {"creating", inside, own},
		"createContainer": {"creating", 1, mnt},
		"startContainer":  {"created", 1, mnt},
		"poststart":       {"running", inside, own},
		"poststop":        {"stopped", 0, own},
	} {
		for i := range 2 {
			name := filepath.Join(host, fmt.Sprint(point, i))
			data, err := os.ReadFile(name)
			if err != nil {
				t.Error(err)
				continue
			}
			var s specs.State
			if err := json.Unmarshal(data, &s); err != nil {
				t.Errorf("%s: %v: %q", name, err, data)
				continue
			}
			if string(s.Status) != want.status || s.Pid != want.pid || s.ID != b.id || s.Bundle != b.bundle || s.Version == "" || s.Annotations["a"] != "b\nc" {
				t.Errorf("%s%d got %s, want status %s, pid %d", point, i, data, want.status, want.pid)
			}
			spaces, _ := os.ReadFile(name + ".ns")
			if got := strings.SplitN(string(spaces), "\n", 2)[0]; got != want.mnt {
				t.Errorf("%s%d ran in %s, want %s", point, i, got, want.mnt)
			}
			if env, _ := os.ReadFile(name + ".env"); !strings.HasPrefix(string(env), "yes /usr/sbin:/usr/bin:/sbin:/bin\n") {
				t.Errorf("%s%d: environment %q", point, i, env)
			}
		}
	}
}

// TestHookPreparesRoot checks that createRuntime hooks can prepare the root, and that a mount of a
// createContainer hook is visible only in the container.
func TestHookPreparesRoot(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cat /made; cat /mnt/file; ls /mnt")
	if err := os.Mkdir(filepath.Join(b.rootfs(), "mnt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.out, "file"), []byte("mounted\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	root := b.rootfs()
	*hookList(b.spec, "createRuntime") = []specs.Hook{hook("echo made >" + root + "/made")}
	*hookList(b.spec, "createContainer") = []specs.Hook{hook("mount --bind " + b.out + " " + root + "/mnt")}
	b.write()
	if got := b.output(); got != "made\nmounted\nfile\n" {
		t.Errorf("got %q", got)
	}
	if entries, _ := os.ReadDir(filepath.Join(root, "mnt")); len(entries) > 0 {
		t.Error("the hook's mount is on the host")
	}
}

// TestHookFails checks that a failing hook has the effect that the specification's runtime.md gives
// for its point.
func TestHookFails(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc runs poststart hooks in create
	for _, point := range hookPoints {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "echo process >>/out/order; exec sleep 1000")
			addHooks(b)
			list := hookList(b.spec, point)
			*list = []specs.Hook{(*list)[0], hook("echo the reason is here >&2; exit 3"), (*list)[1]}
			b.write()
			words := "the reason is here"
			switch point {
			case "prestart", "createRuntime", "createContainer":
				b.refused(words, b.createArgs()...)
				b.refused("container does not exist", "state", b.id)
				if got := b.order(); strings.Contains(got, point+"1") || strings.Contains(got, "process") || strings.Contains(got, "poststart") {
					t.Errorf("what ran: %q", got)
				}
				if got := b.order(); !strings.HasSuffix(got, "poststop0 poststop1") {
					t.Errorf("poststop hooks have not run: %q", got)
				}
			case "startContainer":
				b.create()
				b.refused(words, "start", b.id)
				b.wait()
				if got := b.state().Status; got != "stopped" {
					t.Errorf("the state is %s", got)
				}
				if got := b.order(); strings.Contains(got, "process") || strings.Contains(got, "startContainer1") || strings.Contains(got, "poststart") {
					t.Errorf("what ran: %q", got)
				}
				b.must("delete", b.id)
				if got := b.order(); !strings.HasSuffix(got, "poststop0 poststop1") {
					t.Errorf("poststop hooks have not run: %q", got)
				}
			case "poststart":
				b.create()
				b.refused(words, "start", b.id)
				if ws := b.wait(); ws.Signal() != 9 {
					t.Errorf("the process ended with %#x", ws)
				}
				if got := b.order(); strings.Contains(got, "poststart1") {
					t.Errorf("what ran: %q", got)
				}
			case "poststop":
				b.create()
				b.start()
				b.kill()
				if o := b.berth("delete", b.id); o.Status != 0 || !strings.Contains(o.Stderr, words) {
					t.Errorf("delete: status %d, stderr %q", o.Status, o.Stderr)
				}
				if got := b.order(); !strings.HasSuffix(got, "poststop0 poststop1") {
					t.Errorf("not every poststop hook has run: %q", got)
				}
				b.refused("container does not exist", "state", b.id)
			}
		})
	}
}

// TestHookTimeout checks that a hook is killed at its timeout, and that its children do not hold
// berth up.
func TestHookTimeout(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc waits for the hook's children
	for _, point := range hookPoints {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "exec sleep 1000")
			child := filepath.Join(b.out, "child")
			h := hook("sleep 1000 & echo $! >" + child + "; exec sleep 1000")
			if point == "startContainer" {
				h = hook("sleep 1000 & exec sleep 1000") // both end with the container
			}
			h.Timeout = ptr(1)
			*hookList(b.spec, point) = []specs.Hook{h}
			b.write()
			begin := time.Now()
			var o suite.Outcome
			o = b.berth(b.createArgs()...)
			if o.Status == 0 {
				b.readPid()
				o = b.berth("start", b.id)
			}
			if o.Status == 0 {
				b.kill()
				o = b.berth("delete", b.id)
			}
			if data, err := os.ReadFile(child); err == nil {
				pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
				_ = unix.Kill(pid, unix.SIGKILL)
			}
			if took := time.Since(begin); took < time.Second || took > suite.Patience {
				t.Errorf("it took %v", took)
			}
			if point != "poststop" && o.Status != 1 || point == "poststop" && o.Status != 0 {
				t.Errorf("status %d", o.Status)
			}
			if !strings.Contains(o.Stderr, "timeout of 1 s") {
				t.Errorf("stderr %q", o.Stderr)
			}
		})
	}
}

// TestHookSurroundings checks the working directory and the environment of hooks: a hook without
// env, with an empty env and with its own.
func TestHookSurroundings(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc runs poststop hooks in its caller's directory
	b := newBox(t, "true", func(s *specs.Spec) {
		s.Process.Env = append(s.Process.Env, "ONE=process's", "HOME=/x", "HOME=")
		s.Process.Cwd = "/bin"
	})
	for _, point := range hookPoints {
		out := b.out
		if point == "startContainer" {
			out = "/out"
		}
		script := fmt.Sprintf(`{ pwd -P; e=$(env | grep -vE '^(PWD|OLDPWD|SHLVL|_)='); echo "$e" | grep -E '^(CALLER|ONE|HOME|_BERTH.*|GO.*)=' | grep -v "^HOME=$CALLERS_HOME$" | sort | tr '\n' ' '; echo; } >>%s/%s`, out, point)
		for _, env := range [][]string{nil, {"none"}, {"ONE=its own"}} {
			*hookList(b.spec, point) = append(*hookList(b.spec, point), specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: env})
		}
	}
	b.write()
	// The Go type leaves out an empty list.
	config := filepath.Join(b.bundle, "config.json")
	data, err := os.ReadFile(config)
	b.must1(err)
	data = regexp.MustCompile(`\[\s*"none"\s*\]`).ReplaceAll(data, []byte("[]"))
	b.must1(os.WriteFile(config, data, 0o644))
	call := func(args ...string) {
		cmd := b.command(args...)
		cmd.Env = append(os.Environ(), "CALLER=x", "CALLERS_HOME="+os.Getenv("HOME"), "HOME="+os.Getenv("HOME"))
		cmd.Dir = "/"
		if args[0] == "create" {
			b.createWith(cmd)
		} else if o, err := suite.Run(cmd); err != nil || o.Status != 0 {
			t.Errorf("%s: %v: %+v", args[0], err, o)
		}
	}
	call(b.createArgs()...)
	call("start", b.id)
	b.wait()
	call("delete", b.id)
	const empty, own = "\n", "ONE=its own \n"
	for point, want := range map[string]struct{ dir, first string }{
		"prestart":        {b.bundle, "CALLER=x \n"},
		"createRuntime":   {b.bundle, "CALLER=x \n"},
		"createContainer": {b.rootfs(), empty},
		"startContainer":  {"/bin", "HOME=/root ONE=process's \n"},
		"poststart":       {b.bundle, "CALLER=x \n"},
		"poststop":        {b.bundle, "CALLER=x \n"},
	} {
		data, err := os.ReadFile(filepath.Join(b.out, point))
		if w := want.dir + "\n" + want.first + want.dir + "\n" + empty + want.dir + "\n" + own; err != nil || string(data) != w {
			t.Errorf("%s: %q, want %q (%v)", point, data, w, err)
		}
	}
}

// TestHookProcess checks that hooks before the pivot get a state whose pid is a process in the
// container's cgroup, with each kind of pid namespace. (createContainer hooks get the pid that the
// process has inside the container.)
func TestHookProcess(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*specs.Spec){
		"plain":                func(*specs.Spec) {},
		"the host's processes": suite.Share(specs.PIDNamespace, ""),
		"another's processes":  nil,
	} {
		for _, flags := range [][]string{nil, {"--systemd-cgroup"}} {
			t.Run(strings.Join(append([]string{name}, flags...), " "), func(t *testing.T) {
				t.Parallel()
				b := newBox(t, "cat /proc/self/cgroup >/out/program", suite.Share(specs.CgroupNamespace, ""))
				before := []string{"prestart", "createRuntime"}
				for _, point := range before {
					*hookList(b.spec, point) = []specs.Hook{hook(`pid=$(grep -o '"pid":[0-9]*'); cat /proc/${pid#*:}/cgroup >` + filepath.Join(b.out, point))}
				}
				edit := edit
				if edit == nil {
					a := b.sibling("pids", forever)
					a.create()
					a.start()
					edit = a.sharePIDs()
				}
				edit(b.spec)
				b.write()
				cmd := b.command(b.createArgs()...)
				cmd.Args = slices.Insert(cmd.Args, 1, flags...)
				b.createWith(cmd)
				b.start()
				b.wait()
				want := b.awaitFile("program")
				for _, point := range before {
					if got, err := os.ReadFile(filepath.Join(b.out, point)); err != nil || string(got) != want {
						t.Errorf("%s: %q, want %q (%v)", point, got, want, err)
					}
				}
			})
		}
	}
}

// TestStartContainerFilter checks that a startContainer hook runs with the container's seccomp
// filter and the process's other attributes, as under runc.
func TestStartContainerFilter(t *testing.T) {
	t.Parallel()
	kill := func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActKillProcess}}}
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}}
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{
			{Path: "/bin/sh", Args: []string{"sh", "-c", "umask >/out/umask; ulimit -c >>/out/umask; mkdir /out/made"}},
			{Path: "/bin/sh", Args: []string{"sh", "-c", "mkdir /out/made2"}},
		}}
		s.Process.User.Umask = new(uint32)
		*s.Process.User.Umask = 0o27
	}
	for name, edit := range map[string]func(*specs.Spec){
		"plain":                func(*specs.Spec) {},
		"no new privileges":    func(s *specs.Spec) { s.Process.NoNewPrivileges = true },
		"user":                 func(s *specs.Spec) { s.Process.User.UID, s.Process.User.GID = 7, 7 },
		"user namespace":       suite.InUserNamespace,
		"another's processes":  nil,
		"the host's processes": suite.Share(specs.PIDNamespace, ""),
		"a file's limit is low": func(s *specs.Spec) {
			s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 24, Hard: 24})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "echo ran", kill)
			if edit == nil {
				a := b.sibling("pids", forever)
				a.create()
				a.start()
				edit = a.sharePIDs()
			}
			edit(b.spec)
			b.write()
			lend(b)
			b.create()
			if o := b.berth("start", b.id); o.Status == 0 || !strings.Contains(o.Stderr, "hooks.startContainer[0] (/bin/sh)") || !strings.Contains(strings.ToLower(o.Stderr), "bad system call") {
				t.Errorf("start: %+v", o)
			}
			b.wait()
			if got := b.awaitFile("umask"); got != "0027\n0\n" {
				t.Errorf("umask and limit: %q", got)
			}
			for _, made := range []string{"made", "made2"} {
				if _, err := os.Stat(filepath.Join(b.out, made)); err == nil {
					t.Errorf("%s was made", made)
				}
			}
			if out := b.said("stdout"); out != "" {
				t.Errorf("the process ran: %q", out)
			}
			b.must("delete", b.id)
		})
	}
}

// TestStartContainerCgroup checks that startContainer hooks are in the container's cgroup and are
// killed with it.
func TestStartContainerCgroup(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*specs.Spec){
		"plain":                func(*specs.Spec) {},
		"another's processes":  nil,
		"the host's processes": suite.Share(specs.PIDNamespace, ""),
	} {
		for _, flags := range [][]string{nil, {"--systemd-cgroup"}} {
			t.Run(strings.Join(append([]string{name}, flags...), " "), func(t *testing.T) {
				t.Parallel()
				b := newBox(t, "cat /proc/self/cgroup >/out/program", suite.Share(specs.CgroupNamespace, ""), func(s *specs.Spec) {
					s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{
						{Path: "/bin/sh", Args: []string{"sh", "-c", "cat /proc/self/cgroup >/out/hook; [ -e /out/go ] || exec sleep 1000"}},
					}}
				})
				edit := edit
				if edit == nil {
					a := b.sibling("pids", forever)
					a.create()
					a.start()
					edit = a.sharePIDs()
				}
				edit(b.spec)
				b.write()
				create := func() {
					cmd := b.command(b.createArgs()...)
					cmd.Args = slices.Insert(cmd.Args, 1, flags...)
					b.createWith(cmd)
				}
				create()
				start := b.command("start", b.id)
				b.must1(suite.Start(start))
				hook := b.awaitFile("hook")
				b.must("kill", b.id, "KILL")
				late := time.AfterFunc(suite.Patience, func() {
					t.Error("start waits for a hook that should have been killed")
					_ = start.Process.Kill()
				})
				_ = suite.Join(start) // its status depends on which of the two it saw end
				late.Stop()
				b.wait()
				b.must("delete", b.id)
				b.must1(os.WriteFile(filepath.Join(b.out, "go"), nil, 0o644))
				create()
				b.start()
				b.wait()
				if program := b.awaitFile("program"); program != hook {
					t.Errorf("the hook was in %s, the program in %s", hook, program)
				}
			})
		}
	}
}

// TestPoststartHangs checks that the container can be deleted while a poststart hook hangs, and
// that the hook's later failure does not affect another container with the same ID.
func TestPoststartHangs(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever)
	pid := filepath.Join(b.out, "hook.pid")
	b.spec.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo $$ >" + pid + ".new; mv " + pid + ".new " + pid + "; exec sleep 1000"}}}}
	b.write()
	b.create()
	start := b.command("start", b.id)
	b.must1(suite.Start(start))
	hook, err := strconv.Atoi(strings.TrimSpace(b.awaitFile("hook.pid")))
	b.must1(err)
	begin := time.Now()
	b.must("delete", "--force", b.id)
	if took := time.Since(begin); took > suite.Patience {
		t.Errorf("delete took %v", took)
	}
	b.wait()
	b.spec.Hooks = nil
	b.write()
	b.create()
	b.start()
	b.must1(unix.Kill(hook, unix.SIGKILL))
	if err := suite.Join(start); err == nil {
		t.Error("start succeeded with a hook that was killed")
	}
	if got := b.state().Status; got != "running" {
		t.Errorf("the next container of that id is %q", got)
	}
}
