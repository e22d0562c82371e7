package initproc

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// TestSpawnFails checks what Spawn says, and that no process is left.
func TestSpawnFails(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	many := make([]specs.LinuxIDMapping, 400)
	for i := range many {
		many[i] = specs.LinuxIDMapping{ContainerID: uint32(i), HostID: uint32(i), Size: 1}
	}
	const begin = "start the container's process: "
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no such user namespace": {Config{UserPath: "/nowhere", NewPID: true}, begin + "user namespace: open /nowhere: no such file or directory"},
		"no such time namespace": {Config{TimePath: "/nowhere"}, begin + "time namespace: open /nowhere: no such file or directory"},
		"neither of both": {Config{UserPath: "/no", TimePath: "/nowhere"},
			begin + "user namespace: open /no: no such file or directory\ntime namespace: open /nowhere: no such file or directory"},
		"a file as the user namespace": {Config{UserPath: os.DevNull}, begin + "join the user namespace /dev/null: nsenter ended with status 1"},
		"a file as the time namespace": {Config{TimePath: os.DevNull}, begin + "join the time namespace /dev/null: nsenter ended with status 1"},
		"a file to join":               {Config{JoinBeforeFork: []*os.File{null}}, begin + "join the namespace /dev/null: setns: invalid argument"},
		"too many ranges of IDs":       {Config{NewUser: true, UIDMaps: many, GIDMaps: many}, begin + "invalid argument"},
		"time, too many ranges": {Config{TimePath: "/proc/self/ns/time", NewUser: true, UIDMaps: many, GIDMaps: many},
			begin + "join the time namespace /proc/self/ns/time: nsenter ended with status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := &container{T: t, cfg: c.cfg}
			fails(t, "Spawn", box.spawn(), c.want)
			box.said() // waits for the end of every process with the pipe
		})
	}
}

// TestPrepareFails checks that each step in the init process can fail, that create gets the reason,
// and that the init process then ends.
func TestPrepareFails(t *testing.T) {
	t.Parallel()
	plan := func(change func(*Plan)) func(*container) {
		return func(c *container) { c.change = func(p *Plan, _ func(*os.File) int) { change(p) } }
	}
	failing := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo no luck; exit 3"}}}
	for name, c := range map[string]struct {
		change func(*container)
		want   string
	}{
		"no member": {plan(func(p *Plan) { p.Member = p.StartSocket }),
			"enter the container's namespaces (0x4c020000): setns: invalid argument"},
		"no mount namespace": {plan(func(p *Plan) { p.MountNamespace = p.StartSocket }),
			"enter the mount namespace passed: setns: invalid argument"},
		"a long hostname":   {func(c *container) { c.spec.Hostname = strings.Repeat("h", 65) }, "hostname: set to \"hhh…"},
		"a long domainname": {func(c *container) { c.spec.Domainname = strings.Repeat("d", 65) }, "domainname: set to \"ddd…"},
		"a mount": {func(c *container) { c.spec.Mounts[1].Options = []string{"size=much"} },
			"mounts[1] (/dev): tmpfs from \"tmpfs\": …"},
		"a root that is none": {plan(func(p *Plan) { p.Root.Root = p.StartSocket }), "attach the root at \"/\": …"},
		"a hook":              {plan(func(p *Plan) { p.CreateContainer = failing }), "hooks.createContainer[0] (/bin/sh): exit status 3: output: no luck"},
		"the host's tree":     {plan(func(p *Plan) { p.HostTree = p.StartSocket }), "show the host's mounts to hooks: move_mount: invalid argument"},
		"a sysctl": {func(c *container) { c.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "perhaps"} },
			"linux.sysctl: write \"perhaps\" to /proc/sys/net/ipv4/ip_forward: invalid argument"},
		"no program":     {func(c *container) { c.spec.Process.Args = []string{"none"} }, `exec: "none": executable file not found in $PATH`},
		"no directory":   {func(c *container) { c.spec.Process.Cwd = "/bin/sh" }, "process.cwd (/bin/sh): not a directory"},
		"few open files": {func(c *container) { c.limit(4) }, "process.rlimits: RLIMIT_NOFILE is too low for start: too many open files"},
		"few open files for hooks": {func(c *container) {
			c.limit(14)
			c.change = func(p *Plan, _ func(*os.File) int) { p.StartContainer = failing }
		}, "process.rlimits: RLIMIT_NOFILE is too low for start: too many open files"},
		"no console socket": {func(c *container) {
			c.spec.Process.Terminal = true
			c.withDevpts()
			c.change = func(p *Plan, add func(*os.File) int) {
				ours, theirs, err := link.Pair()
				if err != nil {
					c.Fatal(err)
				}
				theirs.Close()
				socket := os.NewFile(uintptr(ours.FD), "socket")
				c.Cleanup(func() { socket.Close() })
				p.ConsoleSocket = add(socket)
			}
		}, "send the terminal to the console socket: broken pipe"},
		"a terminal without devpts": {func(c *container) { c.spec.Process.Terminal = true },
			"open a terminal in /dev/pts: /dev/pts: no such file or directory"},
		"not a pid namespace": {plan(func(p *Plan) { p.PIDNamespace = p.StartSocket }), "mounts[0] (/proc): …"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, "echo the program runs")
			c.change(box)
			if err := box.spawn(); err != nil {
				t.Fatal(err)
			}
			box.enclose()
			fails(t, "Prepare", box.prepare(nil), c.want)
			if status := box.ended(); status.ExitStatus() != 1 {
				t.Errorf("the init process has ended with status %#x", status)
			}
			if text := box.said(); text != "" {
				t.Errorf("the container has printed %q", text)
			}
		})
	}
}

// limit sets the limit of open files.
func (c *container) limit(n uint64) {
	c.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: n, Hard: n}}
}

func (c *container) withDevpts() {
	c.spec.Mounts = append(c.spec.Mounts, specs.Mount{Type: "devpts", Source: "devpts", Destination: "/dev/pts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}})
}

// TestStartFails checks what start says about a program that does not run after all, and the exit
// status of the container's process.
func TestStartFails(t *testing.T) {
	t.Parallel()
	hook := func(script string) func(*Plan, func(*os.File) int) {
		return func(p *Plan, _ func(*os.File) int) {
			p.StartContainer = []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}}}
		}
	}
	for name, c := range map[string]struct {
		change func(*container)
		want   string
		status int
	}{
		"not a program": {func(c *container) { c.write("bin/odd", "odd"); c.spec.Process.Args[0] = "odd" }, "exec /bin/odd: exec format error", 126},
		"a program that disappears": {func(c *container) {
			c.write("bin/odd", "odd")
			c.spec.Process.Args[0] = "odd"
			c.change = hook("rm /bin/odd")
		}, "exec /bin/odd: no such file or directory", 127},
		"no interpreter": {func(c *container) { c.write("bin/odd", "#!/bin/none\n"); c.spec.Process.Args[0] = "odd" }, "exec /bin/odd: no such file or directory", 127},
		"not executable any more": {func(c *container) {
			c.write("bin/odd", "odd")
			c.spec.Process.Args[0] = "odd"
			c.change = hook("chmod 0 /bin/odd")
		}, "exec /bin/odd: permission denied", 126},
		"a hook": {func(c *container) { c.change = hook("echo sorry; exit 9") }, "hooks.startContainer[0] (/bin/sh): exit status 9: output: sorry", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, "echo the program runs")
			c.change(box)
			box.create()
			fails(t, "Start", link.Start(box.dir, nil), c.want)
			if status := box.ended(); status.ExitStatus() != c.status {
				t.Errorf("the process has ended with status %d, want %d", status.ExitStatus(), c.status)
			}
			if text := box.said(); text != "" {
				t.Errorf("the container has printed %q", text)
			}
		})
	}
}

// TestCreateEnds checks what the init process does when create ends, or sends something else, at
// each step.
func TestCreateEnds(t *testing.T) {
	t.Parallel()
	say := func(values ...any) func(*container) {
		return func(c *container) {
			for _, v := range values {
				if err := c.init.Conn.Send(v); err != nil {
					c.Fatal(err)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		create func(*container)
		want   string // what the init process says, "" if create ends
	}{
		"at once":                  {create: say()},
		"another answer at first":  {say(link.AnswerGo), `create sent "go" instead of "enclose"`},
		"a plan too early":         {say(Plan{}), "wait for create: json: cannot unmarshal object into Go value of type string"},
		"a plan of another type":   {say(link.AnswerEnclose, "plan"), "receive the plan: json: cannot unmarshal string into Go value of type initproc.Plan"},
		"when the root is built":   {create: func(c *container) { c.enclose(); c.closeIn() }},
		"when only start is left":  {create: func(c *container) { c.enclose(); c.ready() }},
		"an answer of before":      {func(c *container) { c.enclose(); c.ready(); say(link.AnswerGo)(c) }, `create sent "go" instead of "free"`},
		"another answer for hooks": {func(c *container) { c.enclose(); c.answerHooks(link.AnswerFree) }, `create sent "free" instead of "go"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, "echo the program runs")
			if err := box.spawn(); err != nil {
				t.Fatal(err)
			}
			c.create(box)
			if c.want != "" {
				fails(t, "Said", box.init.Said(), c.want)
			} else if err := unix.Shutdown(box.init.Conn.FD, unix.SHUT_RDWR); err != nil {
				t.Fatal(err)
			}
			if status := box.ended(); status.ExitStatus() != 1 {
				t.Errorf("the init process has ended with status %#x", status)
			}
			if text := box.said(); text != "" {
				t.Errorf("the container has printed %q", text)
			}
		})
	}
}

func (c *container) ready() {
	c.Helper()
	if err := c.prepare(nil); err != nil {
		c.Fatal(err)
	}
}

var errHook = errors.New("a hook has failed")

// closeIn prepares the container with a hook that fails.
func (c *container) closeIn() {
	c.Helper()
	if err := c.prepare(func() error { return errHook }); !errors.Is(err, errHook) {
		c.Fatal(err)
	}
}

// answerHooks prepares the container, and answers something instead of a hook's end.
func (c *container) answerHooks(answer string) {
	c.Helper()
	c.closeIn()
	if err := c.init.Conn.Send(answer); err != nil {
		c.Fatal(err)
	}
}

// TestLingers checks that the init process outlives a create that has ended while LXC was starting.
func TestLingers(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "")
	if err := c.spawn(); err != nil {
		t.Fatal(err)
	}
	c.enclose()
	if err := unix.Shutdown(c.init.Conn.FD, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	if status, ok := c.init.Status(200 * time.Millisecond); ok {
		t.Errorf("the init process has ended with status %#x", status)
	}
}

// TestInitProcessEnds kills the init process at each step of create.
func TestInitProcessEnds(t *testing.T) {
	t.Parallel()
	const want = "the container's process was killed by signal 9 (killed) while it was being created"
	kill := func(c *container) {
		if err := unix.Kill(c.init.Pid, unix.SIGKILL); err != nil {
			c.Fatal(err)
		}
		c.ended()
	}
	for name, create := range map[string]func(*container) error{
		"before Enclose":     func(c *container) error { kill(c); return c.init.Enclose() },
		"before the plan":    func(c *container) error { c.enclose(); kill(c); return c.prepare(nil) },
		"during hooks":       func(c *container) error { c.enclose(); return c.prepare(func() error { kill(c); return nil }) },
		"before Free":        func(c *container) error { c.enclose(); c.ready(); kill(c); return c.init.Free() },
		"while create waits": func(c *container) error { kill(c); return c.init.Said() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, "echo the program runs")
			if err := box.spawn(); err != nil {
				t.Fatal(err)
			}
			fails(t, "create", create(box), want)
			if text := box.said(); text != "" {
				t.Errorf("the container has printed %q", text)
			}
		})
	}
}

// TestKilledAfterFree checks that start says that nobody listens.
func TestKilledAfterFree(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "echo the program runs")
	c.create()
	c.end()
	fails(t, "Start", link.Start(c.dir, nil), "connect to the container's process: connection refused")
}
