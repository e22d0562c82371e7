package jailed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/spec"
)

const busybox = "/bin/busybox"

// jailed is the init process of a jail, which is a chroot on Linux. The process is this test
// binary, in which the package's init function takes over.
type jailed struct {
	*testing.T
	root, dir string
	plan      Plan
	files     []*os.File
	cfg       Config
	host      *link.Host
	output    *os.File
}

// newJailed makes a root for a shell with a script.
func newJailed(t *testing.T, script string) *jailed {
	t.Helper()
	j := &jailed{T: t, dir: t.TempDir()}
	j.root = filepath.Join(j.dir, "root")
	for _, dir := range []string{"bin", "etc", "tmp", "dev"} {
		if err := os.MkdirAll(filepath.Join(j.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Link(busybox, filepath.Join(j.root, "bin/busybox")) != nil {
		program, err := os.ReadFile(busybox)
		if err == nil {
			err = executable.Write(filepath.Join(j.root, "bin/busybox"), program)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range strings.Fields("sh cat id ls pwd rm stat stty test touch tty umask") {
		if err := os.Symlink("busybox", filepath.Join(j.root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	j.plan = Plan{
		JID: 1, Root: j.root, ConsoleSocket: None, StartSocket: None,
		Process: &process.Basics{Args: []string{"sh", "-c", script}, Env: []string{"PATH=/bin", "A=b"}, Cwd: "/", Umask: 0o22},
		State:   specs.State{ID: "test", Bundle: j.dir},
	}
	return j
}

// spawn starts the process, and create accepts it.
func (j *jailed) spawn() {
	j.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		j.Fatal(err)
	}
	defer w.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		j.Fatal(err)
	}
	defer null.Close()
	j.Cleanup(func() { r.Close() })
	j.output = r
	if j.cfg.Stdio[0] == nil {
		j.cfg.Stdio = [3]*os.File{null, w, w}
	}
	if j.host, err = Spawn(&j.cfg); err != nil {
		j.Fatal(err)
	}
	j.Cleanup(func() {
		j.host.Conn.Close()
		if _, ended := j.host.Status(0); !ended {
			Kill(j.host)
		}
	})
}

// prepare sends the plan.
func (j *jailed) prepare(hooks func() error) error {
	j.Helper()
	if err := j.host.Enclose(); err != nil {
		j.Fatal(err)
	}
	return j.host.Prepare(&j.plan, j.files, hooks)
}

// listen gives the plan a socket for start.
func (j *jailed) listen() {
	j.Helper()
	start, err := link.Listen(j.dir)
	if err != nil {
		j.Fatal(err)
	}
	j.plan.StartSocket = len(j.files)
	j.files = append(j.files, start)
	j.Cleanup(func() { start.Close() })
}

// run runs the process as exec does, without start, and returns what it has printed.
func (j *jailed) run() (string, syscall.WaitStatus) {
	j.Helper()
	j.spawn()
	if err := j.prepare(nil); err != nil {
		j.Fatal(err)
	}
	if err := j.host.Release(); err != nil {
		j.Fatal(err)
	}
	return j.said(), j.ended()
}

func (j *jailed) said() string {
	j.Helper()
	if err := j.output.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		j.Fatal(err)
	}
	text, err := io.ReadAll(j.output)
	if err != nil {
		j.Error(err)
	}
	return string(text)
}

func (j *jailed) ended() syscall.WaitStatus {
	j.Helper()
	status, ok := j.host.Status(time.Minute)
	if !ok {
		j.Error("the process has not ended")
	}
	return status
}

func say(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestAttributes checks what programs find that run in a jail.
func TestAttributes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*jailed)
		script string
		want   string
		status int
	}{
		"root": {script: `id -u; id -g; id -G; pwd; echo $A $HOME; umask; ls /; exit 3`, status: 3,
			want: "0\n0\n0\n/\nb /\n0022\nbin\ndev\netc\ntmp\n"},
		"a user": {change: func(j *jailed) {
			p := j.plan.Process
			p.UID, p.GID, p.Groups, p.Umask = 1000, 1001, []uint32{5, 6}, 0o77
		}, script: `id -u; id -g; id -G; umask; touch /tmp/x || echo not mine`,
			want: "1000\n1001\n1001 5 6\n0077\ntouch: /tmp/x: Permission denied\nnot mine\n"},
		"a working directory that is made": {change: func(j *jailed) { j.plan.Process.Cwd = "/work/deep" },
			script: `pwd; stat -c '%a %u' /work/deep`, want: "/work/deep\n755 0\n"},
		"a home from /etc/passwd": {change: func(j *jailed) {
			j.plan.Process.UID = 1000
			j.write("etc/passwd", "someone:x:1000:1000::/home/someone:/bin/sh\n")
		}, script: `echo $HOME`, want: "/home/someone\n"},
		"limits": {change: func(j *jailed) {
			j.plan.Limits = []Limit{{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, 77, 99}, {"RLIMIT_CORE", unix.RLIMIT_CORE, 0, 0}}
		}, script: `ulimit -n; ulimit -Hn; ulimit -c`, want: "77\n99\n0\n"},
		"a signal": {script: `kill -TERM $$`, status: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJailed(t, c.script)
			if c.change != nil {
				c.change(j)
			}
			text, status := j.run()
			if text != c.want || status.ExitStatus() != c.status {
				t.Errorf("status %#x, %q\nwant: %d, %q", status, text, c.status, c.want)
			}
		})
	}
}

func (j *jailed) write(name, text string) {
	j.Helper()
	if err := os.WriteFile(filepath.Join(j.root, name), []byte(text), 0o755); err != nil {
		j.Fatal(err)
	}
}

// TestWaits checks a process that waits for start: the state that its hooks get, and what the
// kernel shows of it.
func TestWaits(t *testing.T) {
	t.Parallel()
	j := newJailed(t, `cat /log; read line; echo $line`)
	j.listen()
	hook := func(text string) specs.Hook {
		return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", `read state; echo "` + text + `" $A ${state#*status} >>"$0"`}}
	}
	create, start := hook("createContainer $(pwd)"), hook("startContainer $(pwd)")
	create.Args = append(create.Args, filepath.Join(j.root, "log"))
	start.Args = append(start.Args, "/log")
	j.plan.HostHooks, j.plan.NoNewPrivileges = true, true
	j.plan.CreateContainer, j.plan.StartContainer = []specs.Hook{create}, []specs.Hook{start}
	stdin, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	j.cfg.Stdio = [3]*os.File{stdin, w, w}
	j.spawn()
	w.Close()
	stdin.Close()
	j.output = out
	defer out.Close()
	calls := 0
	err = j.prepare(func() error {
		calls++
		if root, err := os.Readlink(fmt.Sprintf("/proc/%d/root", j.host.Pid)); root != "/" || err != nil {
			t.Errorf("the process is in %s already, %v", root, err)
		}
		j.write("log", "host\n")
		return nil
	})
	if err != nil || calls != 1 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	if err := j.host.Free(); err != nil {
		t.Fatal(err)
	}
	if waits, err := link.Waits(j.dir); err != nil || !waits {
		t.Errorf("Waits: %t, %v", waits, err)
	}
	if err := link.Start(j.dir, nil); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", j.host.Pid))
	if err != nil || !strings.Contains(string(status), "\nNoNewPrivs:\t1\n") || !strings.Contains(string(status), "\nSigBlk:\t0000000000000000\n") {
		t.Errorf("%v: %s", err, status)
	}
	if _, err := typed.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("host\ncreateContainer %s \":\"creating\",\"pid\":%d,\"bundle\":\"%s\"}\n"+
		"startContainer / b \":\"created\",\"pid\":%d,\"bundle\":\"%s\"}\ntyped\n", j.root, j.host.Pid, j.dir, j.host.Pid, j.dir)
	if got := j.said(); got != want {
		t.Errorf("%s\nwant: %s", got, want)
	}
	if status := j.ended(); status != 0 {
		t.Errorf("status %#x", status)
	}
}

// TestStdio checks that the user owns stdio, but no device that everybody can use.
func TestStdio(t *testing.T) {
	t.Parallel()
	j := newJailed(t, `echo out; echo err >&2; ls /dev`)
	j.plan.Process.UID = 1000
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(filepath.Join(j.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	j.cfg.Stdio = [3]*os.File{null, file, file}
	if _, status := j.run(); status != 0 {
		t.Errorf("status %#x", status)
	}
	for f, want := range map[*os.File]uint32{null: 0, file: 1000} {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Uid != want {
			t.Errorf("%s is owned by %d, want %d (%v)", f.Name(), st.Uid, want, err)
		}
	}
	if text, err := os.ReadFile(file.Name()); err != nil || string(text) != "out\nerr\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestTerminal gives the process a terminal.
func TestTerminal(t *testing.T) {
	t.Parallel()
	j := newJailed(t, `stty size; test -t 0 && test -t 1 && test -t 2 && echo is a terminal; read line; echo got $line`)
	ours, theirs, err := link.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	socket := os.NewFile(uintptr(theirs.FD), "console")
	j.plan.Terminal, j.plan.Console, j.plan.ConsoleSocket = true, &specs.Box{Height: 30, Width: 90}, len(j.files)
	j.files = append(j.files, socket)
	j.spawn()
	err = j.prepare(nil)
	socket.Close()
	if err != nil {
		t.Fatal(err)
	}
	_, files, err := link.ReceiveMessage(ours.FD, make([]byte, 100), 1)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files arrived, %v", len(files), err)
	}
	master := files[0]
	defer master.Close()
	if err := j.host.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := master.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(master) // EIO is the end of a terminal that nobody has open
	if !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	for _, want := range []string{"30 90\r\n", "is a terminal\r\n", "got typed\r\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the terminal has no %q: %q", want, text)
		}
	}
	if text := j.said(); text != "" {
		t.Errorf("%q beside the terminal", text)
	}
}

// TestFails checks the errors of each step, and that the program does not run.
func TestFails(t *testing.T) {
	t.Parallel()
	failing := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo no luck; exit 3"}}}
	gone := func(j *jailed) *os.File {
		ours, theirs, err := link.Pair()
		if err != nil {
			j.Fatal(err)
		}
		theirs.Close()
		f := os.NewFile(uintptr(ours.FD), "socket")
		j.Cleanup(func() { f.Close() })
		return f
	}
	for name, c := range map[string]struct {
		change func(*jailed)
		want   string // a regular expression
	}{
		"no root":         {func(j *jailed) { j.plan.Root = "/nowhere" }, `chroot /nowhere: no such file or directory`},
		"no program":      {func(j *jailed) { j.plan.Process.Args = []string{"none"} }, `exec: "none": executable file not found in \$PATH`},
		"no directory":    {func(j *jailed) { j.plan.Process.Cwd = "/bin/sh/x" }, `process\.cwd.*not a directory`},
		"a bad limit":     {func(j *jailed) { j.plan.Limits = []Limit{{"RLIMIT_CORE", unix.RLIMIT_CORE, 9, 8}} }, `process\.rlimits: .*RLIMIT_CORE.* soft 9.* hard 8.*: invalid argument`},
		"no group":        {func(j *jailed) { j.plan.Process.GID = 1<<32 - 1 }, `process\.user\.additionalGids: .*: invalid argument`},
		"a hook":          {func(j *jailed) { j.plan.CreateContainer = failing }, `hooks\.createContainer\[0\] \(/bin/sh\): exit status 3: .*: no luck`},
		"a hook, no root": {func(j *jailed) { j.plan.CreateContainer, j.plan.Root = failing, "/nowhere" }, `chdir /nowhere: no such file or directory`},
		"no console":      {func(j *jailed) { j.plan.Terminal = true }, `.*descriptor.*`},
		"a console of the past": {func(j *jailed) { j.plan.Terminal, j.plan.ConsoleSocket, j.files = true, 0, []*os.File{gone(j)} },
			`send the terminal to the console socket: broken pipe`},
		"no such start socket": {func(j *jailed) { j.plan.StartSocket = 1 }, `.*descriptor.*`},
		"a negative index":     {func(j *jailed) { j.plan.StartSocket = -2 }, `.*descriptor.*`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJailed(t, "echo the program runs")
			c.change(j)
			j.spawn()
			if err := j.prepare(nil); !regexp.MustCompile("^(" + c.want + ")$").MatchString(say(err)) {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
			if status := j.ended(); status.ExitStatus() != 1 {
				t.Errorf("status %#x", status)
			}
			if text := j.said(); text != "" {
				t.Errorf("%q", text)
			}
		})
	}
}

// TestExecFails checks errors of the exec itself, at start and without it.
func TestExecFails(t *testing.T) {
	t.Parallel()
	removing := []specs.Hook{{Path: "/bin/rm", Args: []string{"rm", "/bin/odd"}}}
	failing := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 3"}}}
	for name, c := range map[string]struct {
		waits  bool // for start
		hooks  []specs.Hook
		plan   func(*Plan)
		want   string
		status int
	}{
		"not a program":            {want: "exec /bin/odd: exec format error", status: 1},
		"at start":                 {waits: true, want: "exec /bin/odd: exec format error", status: 126},
		"gone at start":            {waits: true, hooks: removing, want: "exec /bin/odd: no such file or directory", status: 127},
		"a hook at start":          {waits: true, hooks: failing, want: "hooks.startContainer[0] (/bin/sh): exit status 3", status: 1},
		"descriptors that are not": {plan: func(p *Plan) { p.Inherited = 50 }, want: "preserve descriptor 5: bad file descriptor", status: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJailed(t, "")
			j.write("bin/odd", "odd")
			j.plan.Process.Args = []string{"odd"}
			j.plan.StartContainer = c.hooks
			if c.plan != nil {
				c.plan(&j.plan)
			}
			if c.waits {
				j.listen()
			}
			j.spawn()
			err := j.prepare(nil)
			switch {
			case err != nil:
				t.Fatal(err)
			case !c.waits:
				err = j.host.Release()
			default:
				if err := j.host.Free(); err != nil {
					t.Fatal(err)
				}
				err = link.Start(j.dir, nil)
			}
			if strings.HasPrefix(c.want, "preserve") {
				if !strings.HasPrefix(say(err), "preserve descriptor ") {
					t.Errorf("%v, want %s", err, c.want)
				}
			} else if say(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if status := j.ended(); status.ExitStatus() != c.status {
				t.Errorf("status %#x, want %d", status, c.status)
			}
		})
	}
}

// TestCreateEnds checks that the process ends with create at each step.
func TestCreateEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		create func(*jailed) error
		want   string // what the process says; "" if create is gone
	}{
		"at once":         {create: func(*jailed) error { return nil }},
		"before the plan": {create: func(j *jailed) error { return j.host.Enclose() }},
		"during hooks": {create: func(j *jailed) error {
			j.plan.HostHooks = true
			if err := j.prepare(func() error { return errHook }); !errors.Is(err, errHook) {
				return fmt.Errorf("Prepare: %w", err)
			}
			return nil
		}},
		"before it is freed": {create: func(j *jailed) error { return j.prepare(nil) }},
		"another answer":     {create: func(j *jailed) error { return j.host.Conn.Send(link.AnswerGo) }, want: `create sent "go" .*"enclose".*`},
		"another plan": {create: func(j *jailed) error { return errors.Join(j.host.Enclose(), j.host.Conn.Send("plan")) },
			want: `receive the plan: json: .*`},
		"another answer to hooks": {create: func(j *jailed) error {
			j.plan.HostHooks = true
			_ = j.prepare(func() error { return errHook })
			return j.host.Conn.Send(link.AnswerFree)
		}, want: `create sent "free" .*"go".*`},
		"another answer at last": {create: func(j *jailed) error { return errors.Join(j.prepare(nil), j.host.Conn.Send(link.AnswerGo)) },
			want: `create sent "go" .*"free".*`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJailed(t, "echo the program runs")
			j.spawn()
			if err := c.create(j); err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if err := unix.Shutdown(j.host.Conn.FD, unix.SHUT_RDWR); err != nil {
					t.Fatal(err)
				}
			} else if err := j.host.Said(); !regexp.MustCompile("^(" + c.want + ")$").MatchString(say(err)) {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
			if status := j.ended(); status.ExitStatus() != 1 {
				t.Errorf("status %#x", status)
			}
			if text := j.said(); text != "" {
				t.Errorf("%q", text)
			}
		})
	}
}

var errHook = errors.New("a hook has failed")

func TestKill(t *testing.T) {
	t.Parallel()
	j := newJailed(t, "")
	j.spawn()
	Kill(j.host)
	if err := unix.Kill(j.host.Pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("the process lives on: %v", err)
	}
}

func TestLimitsOf(t *testing.T) {
	t.Parallel()
	got, err := LimitsOf([]specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}, {Type: "RLIMIT_AS", Soft: 1<<64 - 1, Hard: 1<<64 - 1}})
	want := []Limit{{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, 1, 2}, {"RLIMIT_AS", unix.RLIMIT_AS, 1<<64 - 1, 1<<64 - 1}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := LimitsOf(nil); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	field := new(spec.FieldError)
	for _, name := range []string{"", "RLIMIT_NICE", "NOFILE", "rlimit_nofile"} {
		_, err := LimitsOf([]specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: name}})
		if !errors.As(err, &field) || field.Path != "process.rlimits[1].type" {
			t.Errorf("%q: %v", name, err)
		}
	}
}
