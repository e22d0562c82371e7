package initproc

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/integration/executable"
)

const busybox = "/bin/busybox"

// The init process is this test binary, as it is berth outside of the tests.
func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// container is what a test makes with an init process, as package enclosing does: new namespaces in
// place of an enclosure, and a real root.
type container struct {
	*testing.T
	spec *specs.Spec
	cfg  Config
	// options are those with which the root is opened.
	options rootfs.Options
	// change changes the plan before it is sent. add adds a file to those of the plan.
	change func(plan *Plan, add func(*os.File) int)
	dir    string // the state directory
	init   *Process
	member *os.File // a pidfd of the process in place of the stub init
	output *os.File // the read end of the container's stdout and stderr
}

// newContainer makes a bundle whose program is a shell with a script.
func newContainer(t *testing.T, script string) *container {
	t.Helper()
	c := &container{T: t, dir: t.TempDir()}
	if err := os.Chmod(filepath.Dir(c.dir), 0o755); err != nil { // for the root of a user namespace
		t.Fatal(err)
	}
	for _, dir := range []string{"bin", "proc", "dev", "etc"} {
		if err := os.MkdirAll(filepath.Join(c.dir, "rootfs", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Link(busybox, c.path("bin/busybox")) != nil {
		program, err := os.ReadFile(busybox)
		if err == nil {
			err = executable.Write(c.path("bin/busybox"), program)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range strings.Fields("sh cat chmod cut grep hostname id ip ls readlink rm sleep stty test tr tty") {
		if err := os.Symlink("busybox", c.path("bin/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	c.spec = &specs.Spec{
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "inside",
		Process:  &specs.Process{Cwd: "/", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/bin", "A=b"}},
		Linux:    &specs.Linux{},
		Mounts: []specs.Mount{
			{Type: "proc", Source: "proc", Destination: "/proc"},
			{Type: "tmpfs", Source: "tmpfs", Destination: "/dev"},
		},
	}
	for _, ns := range []specs.LinuxNamespaceType{specs.MountNamespace, specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.NetworkNamespace} {
		c.spec.Linux.Namespaces = append(c.spec.Linux.Namespaces, specs.LinuxNamespace{Type: ns})
	}
	c.cfg.NewPID = true
	return c
}

// path returns a path in the root.
func (c *container) path(name string) string { return filepath.Join(c.dir, "rootfs", name) }

// spawn starts the init process, with a pipe as its output.
func (c *container) spawn() error {
	c.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		c.Fatal(err)
	}
	defer w.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		c.Fatal(err)
	}
	defer null.Close()
	c.Cleanup(func() { r.Close() })
	c.output = r
	if c.cfg.Stdio[0] == nil {
		c.cfg.Stdio = [3]*os.File{null, w, w}
	}
	if c.init, err = Spawn(&c.cfg); err != nil {
		return err
	}
	c.Cleanup(c.end)
	return nil
}

// end kills what is left of the container.
func (c *container) end() {
	if c.init == nil {
		return
	}
	c.init.Kill()
	c.init.Wait(time.Minute)
	c.init.Close()
	c.init = nil
}

// enclose starts a process in new namespaces, in place of the stub init of an enclosure.
func (c *container) enclose() {
	c.Helper()
	argv := []string{"unshare", "--mount", "--uts", "--ipc", "--net", busybox, "sh", "-c", "echo ready; read end"}
	if c.cfg.NewUser || c.cfg.UserPath != "" {
		argv = append([]string{"nsenter", "--user=/proc/" + strconv.Itoa(c.init.Pid) + "/ns/user"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // closes with the test, even if that is killed
	if err != nil {
		c.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		c.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		c.Fatalf("the enclosure: %q, %v", line, err)
	}
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		c.Fatal(err)
	}
	c.member = os.NewFile(uintptr(fd), "pidfd")
	c.Cleanup(func() { c.member.Close() })
	if err := c.init.Enclose(); err != nil {
		c.Fatal(err)
	}
}

// prepare opens the root and sends the plan.
func (c *container) prepare(hooks func() error) error {
	c.Helper()
	if c.cfg.NewUser || c.cfg.UserPath != "" {
		ns, err := os.Open("/proc/" + strconv.Itoa(c.init.Pid) + "/ns/mnt")
		if err != nil {
			c.Fatal(err)
		}
		defer ns.Close()
		c.options.Namespace = ns
	}
	root, files, err := rootfs.Open(c.spec, c.dir, c.options)
	if err != nil {
		c.Fatal(err)
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	attributes, err := process.FromSpec(c.spec.Process, c.spec)
	if err != nil {
		c.Fatal(err)
	}
	start, err := link.Listen(c.dir)
	if err != nil {
		c.Fatal(err)
	}
	defer start.Close()
	plan := &Plan{
		Member: len(files), Namespaces: unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		StartSocket: len(files) + 1, MountNamespace: None, PIDNamespace: None, HostTree: None, ConsoleSocket: None,
		Hostname: c.spec.Hostname, Domainname: c.spec.Domainname, Loopback: true,
		Root: root, RootFiles: len(files), Process: attributes, Terminal: c.spec.Process.Terminal, Console: c.spec.Process.ConsoleSize,
		HostHooks: hooks != nil,
		State:     specs.State{ID: "test", Bundle: c.dir},
	}
	passed := append(append([]*os.File{}, files...), c.member, start)
	if c.change != nil {
		c.change(plan, func(f *os.File) int {
			passed = append(passed, f)
			return len(passed) - 1
		})
	}
	return c.init.Prepare(plan, passed, hooks)
}

// run makes the container and starts it. It returns what the program has printed, after its end.
func (c *container) run() string {
	c.Helper()
	c.create()
	if err := link.Start(c.dir, nil); err != nil {
		c.Fatal(err)
	}
	return c.said()
}

// create makes the container up to start.
func (c *container) create() {
	c.Helper()
	if err := c.spawn(); err != nil {
		c.Fatal(err)
	}
	c.enclose()
	if err := c.prepare(nil); err != nil {
		c.Fatal(err)
	}
	if err := c.init.Free(); err != nil {
		c.Fatal(err)
	}
}

// said waits until no process of the container is left, and returns what they have printed.
func (c *container) said() string {
	c.Helper()
	if err := c.output.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		c.Fatal(err)
	}
	text, err := io.ReadAll(c.output)
	if err != nil {
		c.Errorf("the container's output: %v", err)
	}
	return string(text)
}

// ended waits for the init process and returns how it ended.
func (c *container) ended() syscall.WaitStatus {
	c.Helper()
	status, ok := c.init.Status(time.Minute)
	if !ok {
		c.Error("the container's process has not ended")
	}
	return status
}

// fails checks an error: want is its whole text, or its begin if it ends in "…".
func fails(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %s", what, want)
		return
	}
	if begin, cut := strings.CutSuffix(want, "…"); cut && strings.HasPrefix(err.Error(), begin) || err.Error() == want {
		return
	}
	t.Errorf("%s: %v\nwant: %s", what, err, want)
}
