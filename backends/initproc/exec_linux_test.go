package initproc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/seccomp"
)

// execution is a process that a test starts in a running container, as enclosing.Exec does.
type execution struct {
	c       *container
	plan    ExecPlan
	files   ExecFiles
	waiting *Waiting
	output  *os.File
}

// exec prepares a shell with a script in a container that runs.
func (c *container) exec(script string) *execution {
	c.Helper()
	s := *c.spec
	p := *c.spec.Process
	s.Process, p.Args = &p, []string{"sh", "-c", script}
	attributes, err := process.FromSpec(&p, &s)
	if err != nil {
		c.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		r.Close()
		w.Close()
	})
	e := &execution{c: c, output: r}
	e.plan = ExecPlan{Process: attributes, Namespaces: unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET}
	e.files = ExecFiles{Member: c.member, Stdio: [3]*os.File{c.open(os.DevNull), w, w}}
	if c.cfg.NewPID {
		e.files.PID = c.namespace("pid")
	} else {
		e.files.Secret = true
	}
	if c.cfg.NewUser {
		e.files.User = c.namespace("user")
	}
	return e
}

// namespace opens a namespace of the container's process.
func (c *container) namespace(name string) *os.File {
	c.Helper()
	return c.open("/proc/" + strconv.Itoa(c.init.Pid) + "/ns/" + name)
}

func (c *container) open(path string) *os.File {
	c.Helper()
	f, err := os.Open(path)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { f.Close() })
	return f
}

// start calls Exec.
func (e *execution) start() error {
	e.c.Helper()
	var err error
	if e.waiting, err = Exec(&e.plan, &e.files); err != nil {
		return err
	}
	e.c.Cleanup(func() {
		if e.waiting != nil {
			e.waiting.Kill()
		}
	})
	return e.waiting.Grant()
}

// run runs the process to its end and returns what it has printed.
func (e *execution) run() (string, syscall.WaitStatus) {
	e.c.Helper()
	if err := e.start(); err != nil {
		e.c.Fatal(err)
	}
	if err := e.waiting.Go(); err != nil {
		e.c.Fatal(err)
	}
	return e.said()
}

// said waits for the end of the process.
func (e *execution) said() (string, syscall.WaitStatus) {
	e.c.Helper()
	e.files.Stdio[1].Close()
	if err := e.output.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		e.c.Fatal(err)
	}
	text, err := io.ReadAll(e.output)
	if err != nil {
		e.c.Errorf("the output: %v", err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(e.waiting.Pid, &status, 0, nil); err != nil {
		e.c.Errorf("wait for the process: %v", err)
	}
	e.waiting = nil
	return string(text), status
}

// running makes a container that runs until the test ends.
func running(t *testing.T, change func(*container)) *container {
	t.Helper()
	c := newContainer(t, "sleep 1000")
	if change != nil {
		change(c)
	}
	c.create()
	if err := link.Start(c.dir, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExec(t *testing.T) {
	t.Parallel()
	plain := running(t, func(c *container) { c.write("etc/mark", "here\n") })
	for name, c := range map[string]struct {
		container func(*container)
		change    func(*execution)
		script    string
		want      string
		status    int
	}{
		"a process": {script: `cat /proc/1/comm; echo $A $(hostname); test $$ -gt 1 && ls /proc/self/fd; exit 7`, status: 7,
			want: "sleep\nb inside\n0\n1\n2\n3\n"},
		"in the host's pid namespace": {container: func(c *container) { c.cfg.NewPID = false }, script: `hostname; kill -9 $$`,
			want: "inside\n", status: -1},
		"in a user namespace": {container: (*container).mapUser, script: `tr -s ' ' </proc/self/uid_map; id -u; ls /proc/self/fd`,
			want: " 0 100000 65536\n0\n0\n1\n2\n3\n"},
		"in a user namespace, hidden from it": {container: func(c *container) {
			c.mapUser()
			c.cfg.NewPID = false
			c.spec.Mounts[0] = specs.Mount{Type: "bind", Source: "/proc", Destination: "/proc", Options: []string{"rbind"}}
		}, script: `tr -s ' ' </proc/self/uid_map`, want: " 0 100000 65536\n"},
		"in a time namespace": {container: func(c *container) { c.cfg.NewTime, c.cfg.Offsets = true, "boottime 1000000 0\n" },
			change: func(e *execution) { e.files.Time = e.c.namespace("time") },
			script: `test $(cut -d. -f1 /proc/uptime) -ge 1000000 && echo later`, want: "later\n"},
		"as another user": {change: func(e *execution) {
			e.plan.Process.UID, e.plan.Process.Capabilities = 1000, &process.Capabilities{}
		}, script: `id -u; grep CapEff /proc/self/status`, want: "1000\nCapEff:\t0000000000000000\n"},
		"on one CPU": {change: func(e *execution) { e.plan.CPUs = []int{0} }, script: `echo on a CPU`, want: "on a CPU\n"},
		"with a scheduler": {change: func(e *execution) {
			e.plan.Process.Scheduler = &process.Scheduler{Policy: unix.SCHED_BATCH, Nice: 5}
		}, script: `cut -d' ' -f19,41 /proc/self/stat`, want: "5 3\n"},
		"with a limit": {change: func(e *execution) {
			e.plan.Process.Limits = []process.Limit{{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 77, Hard: 99}}
		}, script: `ulimit -n; ulimit -Hn`, want: "77\n99\n"},
		"below the root": {change: func(e *execution) { e.files.Root = e.c.open(e.c.path("")) }, script: `cat /etc/mark`, want: "here\n"},
		"in namespaces joined before the fork": {change: func(e *execution) {
			pid := holder(e.c.T, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUTS})
			e.files.JoinBeforeFork = []*os.File{e.c.open(fmt.Sprintf("/proc/%d/ns/uts", pid))}
			e.plan.Namespaces &^= unix.CLONE_NEWUTS
		}, script: `test $(hostname) = inside || echo elsewhere`, want: "elsewhere\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := plain.with(t)
			if c.container != nil {
				box = running(t, c.container)
			}
			e := box.exec(c.script)
			if c.change != nil {
				c.change(e)
			}
			text, status := e.run()
			if text != c.want {
				t.Errorf("%q\nwant: %q", text, c.want)
			}
			if status.ExitStatus() != c.status {
				t.Errorf("exit status %d, want %d", status.ExitStatus(), c.status)
			}
		})
	}
}

// TestExecFails checks the errors of Exec and Go, and that no process is left.
func TestExecFails(t *testing.T) {
	t.Parallel()
	box := running(t, func(c *container) {
		c.write("bin/odd", "odd")
		c.write("bin/none", "#!/bin/nowhere\n")
	})
	for name, c := range map[string]struct {
		change    func(*execution)
		exec, run string // errors of Exec and of Go
		prints    string
	}{
		"no program":     {change: func(e *execution) { e.plan.Process.Args = []string{"missing"} }, exec: `exec: "missing": executable file not found in $PATH`},
		"not a program":  {change: func(e *execution) { e.plan.Process.Args = []string{"odd"} }, run: "exec /bin/odd: exec format error"},
		"no interpreter": {change: func(e *execution) { e.plan.Process.Args = []string{"none"} }, run: "exec /bin/none: no such file or directory"},
		"no directory":   {change: func(e *execution) { e.plan.Process.Cwd = "/missing" }, exec: `process.cwd: chdir to cwd ("/missing") set in config.json failed: no such file or directory`},
		"no such CPU":    {change: func(e *execution) { e.plan.CPUs = []int{process.MaxCPU - 1} }, exec: "process.execCPUAffinity.initial: sched_setaffinity: invalid argument"},
		"not a member":   {change: func(e *execution) { e.files.Member = e.files.Stdio[0] }, exec: "enter the container's namespaces (0x4c020000): setns: invalid argument"},
		"not a mount namespace": {change: func(e *execution) { e.files.Mount = e.files.Stdio[0] },
			exec: "enter the mount namespace passed: setns: invalid argument"},
		"not a pid namespace": {change: func(e *execution) { e.files.PID = e.files.Stdio[0] },
			run: "join the pid namespace (the container's user namespace, or one below it, must own it): setns: invalid argument"},
		"not a user namespace": {change: func(e *execution) { e.files.User = e.files.Stdio[0] }, exec: "the helper in the container's namespaces ended with status 1",
			prints: "nsenter: reassociate to namespace 'ns/user' failed: Invalid argument\n"},
		"not a namespace to join": {change: func(e *execution) { e.files.JoinBeforeFork = []*os.File{e.files.Stdio[0]} }, exec: "join the namespace /dev/null: setns: invalid argument"},
		"not a root":              {change: func(e *execution) { e.files.Root = e.files.Stdio[0] }, exec: "enter the container's root: …"},
		"a terminal without devpts": {change: func(e *execution) { e.plan.Terminal = true; e.files.ConsoleSocket = e.files.Stdio[0] },
			exec: "open a terminal in /dev/pts: /dev/pts: no such file or directory"},
		"a bad limit": {change: func(e *execution) {
			e.plan.Process.Limits = []process.Limit{{Name: "RLIMIT_NPROC", Resource: unix.RLIMIT_NPROC, Soft: 9, Hard: 8}}
		}, run: "process.rlimits: error setting RLIMIT_NPROC to soft 9, hard 8: invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := box.with(t).exec("echo the program runs")
			c.change(e)
			err := e.start()
			if c.exec != "" {
				fails(t, "Exec", err, c.exec)
			} else if err != nil {
				t.Fatalf("Exec: %v", err)
			} else {
				fails(t, "Go", e.waiting.Go(), c.run)
				e.waiting = nil
			}
			e.files.Stdio[1].Close()
			if text, err := io.ReadAll(e.output); err != nil || string(text) != c.prints {
				t.Errorf("%q is printed, %v", text, err)
			}
		})
	}
}

// with returns the container for another test, which can run at the same time.
func (c *container) with(t *testing.T) *container {
	other := *c
	other.T = t
	return &other
}

// TestExecKilled kills the process before it runs the program: that is no error of Go. It calls Kill
// before Go.
func TestExecKilled(t *testing.T) {
	t.Parallel()
	box := running(t, nil)
	for name, kill := range map[string]func(*execution) error{
		"before Go": func(e *execution) error {
			if err := unix.Kill(e.waiting.Pid, unix.SIGKILL); err != nil {
				return err
			}
			return e.waiting.Go()
		},
		"instead of Go": func(e *execution) error {
			e.waiting.Kill()
			return e.waiting.Go()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, forks := range []bool{true, false} {
				e := box.with(t).exec("echo the program runs")
				if !forks {
					e.files.PID = nil
				}
				if err := e.start(); err != nil {
					t.Fatal(err)
				}
				pid := e.waiting.Pid
				err := kill(e)
				if want := name == "instead of Go" || forks; (err != nil) != want {
					t.Errorf("Go: %v", err)
				}
				if want := errNotForked; name == "before Go" && forks && !errors.Is(err, want) {
					t.Errorf("Go: %v, want %v", err, want)
				}
				if !forks && err == nil {
					_, _ = syscall.Wait4(pid, nil, 0, nil)
				}
				if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
					t.Errorf("process %d: %v", pid, err)
				}
				e.waiting = nil
			}
		})
	}
}

// TestExecTerminal gives the process a terminal, whose master goes to the console socket.
func TestExecTerminal(t *testing.T) {
	t.Parallel()
	box := running(t, (*container).withDevpts)
	for _, forks := range []bool{true, false} {
		e := box.exec(`tty; stty size; test -t 0 && test -t 2 && echo is a terminal; read line </dev/tty; echo got $line`)
		if !forks {
			e.files.PID = nil
		}
		ours, theirs, err := link.Pair()
		if err != nil {
			t.Fatal(err)
		}
		socket := os.NewFile(uintptr(theirs.FD), "console")
		defer socket.Close()
		defer ours.Close()
		e.plan.Terminal, e.plan.Console, e.files.ConsoleSocket = true, &specs.Box{Height: 30, Width: 90}, socket
		if err := e.start(); err != nil {
			t.Fatal(err)
		}
		master := receiveFile(t, ours.FD)
		if err := e.waiting.Go(); err != nil {
			t.Fatal(err)
		}
		if _, err := master.WriteString("typed\n"); err != nil {
			t.Fatal(err)
		}
		// EIO is the end of a terminal that nobody has open.
		text, err := io.ReadAll(master)
		master.Close()
		if !errors.Is(err, unix.EIO) {
			t.Error(err)
		}
		for _, want := range []string{"/dev/pts/0\r\n", "30 90\r\n", "is a terminal\r\n", "got typed\r\n"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("the terminal has no %q: %q", want, text)
			}
		}
		if text, status := e.said(); text != "" || status != 0 {
			t.Errorf("%q beside the terminal, status %#x", text, status)
		}
	}
}

// receiveFile takes the file that comes with the next message of a socket.
func receiveFile(t *testing.T, socket int) *os.File {
	t.Helper()
	_, files, err := link.ReceiveMessage(socket, make([]byte, 100), 1)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files arrived, %v", len(files), err)
	}
	return files[0]
}

// notifying returns a filter that asks its listener about one system call and allows the rest.
func notifying(number uint32) *seccomp.Filter {
	f := &seccomp.Filter{Listener: true}
	for _, in := range []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: number},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	} {
		f.Program = binary.NativeEndian.AppendUint16(f.Program, in.Code)
		f.Program = append(f.Program, in.Jt, in.Jf)
		f.Program = binary.NativeEndian.AppendUint32(f.Program, in.K)
	}
	return f
}

// TestExecListener checks that the listener of the process's filter is passed on, in all the ways in
// which the process can be forked, and what happens if it cannot be.
func TestExecListener(t *testing.T) {
	t.Parallel()
	errAgent := errors.New("the agent has gone")
	box := running(t, nil)
	for name, c := range map[string]struct {
		filter *seccomp.Filter
		forks  bool
		fails  error
	}{
		"in the container's pid namespace":         {notifying(unix.SYS_SYNC), true, nil},
		"loaded by the program's process":          {notifying(unix.SYS_EXIT_GROUP), true, nil},
		"in the host's pid namespace":              {notifying(unix.SYS_SYNC), false, nil},
		"in the container's pid namespace, failed": {notifying(unix.SYS_SYNC), true, errAgent},
		"loaded by the program's process, failed":  {notifying(unix.SYS_EXIT_GROUP), true, errAgent},
		"in the host's pid namespace, failed":      {notifying(unix.SYS_SYNC), false, errAgent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := box.with(t).exec("echo filtered; kill -9 $$")
			if !c.forks {
				e.files.PID = nil
			}
			e.plan.Process.Seccomp = c.filter
			if err := e.start(); err != nil {
				t.Fatal(err)
			}
			var listeners []string
			e.waiting.Listener = func(f *os.File) error {
				link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
				listeners = append(listeners, link)
				return errors.Join(err, c.fails)
			}
			err := e.waiting.Go()
			if !errors.Is(err, c.fails) || len(listeners) != 1 || listeners[0] != "anon_inode:seccomp notify" {
				t.Errorf("Go: %v with listeners %q", err, listeners)
			}
			if err != nil {
				e.waiting = nil
				return
			}
			if text, status := e.said(); text != "filtered\n" || status.Signal() != unix.SIGKILL {
				t.Errorf("%q, status %#x", text, status)
			}
		})
	}
}

// TestHelper sends the helper plans that it refuses.
func TestHelper(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	for name, c := range map[string]struct {
		plan  any
		files int
		want  string
	}{
		"no files":          {helperPlan{SharedPage: 0}, 0, "the plan came without all of its descriptors"},
		"no shared page":    {helperPlan{PID: None, Tty: None, Mount: None, Root: None, SharedPage: None}, 2, "the plan came without all of its descriptors"},
		"a missing file":    {helperPlan{PID: None, Tty: None, Mount: None, Root: 3, SharedPage: 2}, 3, "the plan came without all of its descriptors"},
		"no memory":         {helperPlan{ExecPlan: &ExecPlan{}, PID: None, Tty: None, Mount: None, Root: None, SharedPage: 2}, 3, "map the memory shared with exec: mmap: permission denied"},
		"no plan":           {[]int{1}, 0, "receive the plan: json: cannot unmarshal array into Go value of type initproc.helperPlan"},
		"a plan of nothing": {nil, 0, "the plan came without all of its descriptors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs, err := link.Pair()
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			socket := os.NewFile(uintptr(theirs.FD), "socket")
			defer socket.Close()
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = []string{socketVar + "=3", execVar + "=1"}
			cmd.ExtraFiles = []*os.File{socket}
			files := make([]*os.File, c.files)
			for i := range files {
				files[i] = null
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			socket.Close()
			var answer forkReply
			if err := errors.Join(ours.Send(c.plan, files...), ours.Receive(&answer), cmd.Wait()); err != nil {
				t.Fatal(err)
			}
			if answer.Error != c.want || answer.Pid != -1 {
				t.Errorf("%+v, want %s", answer, c.want)
			}
		})
	}
}

// TestSetCPUs binds a process to CPUs.
func TestSetCPUs(t *testing.T) {
	t.Parallel()
	pid := holder(t, nil)
	for _, c := range []struct {
		pid  int
		cpus []int
		want string
	}{
		{pid, []int{0}, ""},
		{pid, []int{-1}, "CPU -1 does not exist"},
		{pid, []int{process.MaxCPU}, "CPU 8192 does not exist"},
		{pid, []int{0, process.MaxCPU + 1}, "CPU 8193 does not exist"},
		{pid, []int{process.MaxCPU - 1}, "sched_setaffinity: invalid argument"}, // the kernel knows none of them
		{pid, nil, "sched_setaffinity: invalid argument"},
		{1 << 30, []int{0}, "sched_setaffinity: no such process"},
	} {
		if err := SetCPUs(c.pid, c.cpus); say(err) != c.want {
			t.Errorf("%d to %v: %v, want %s", c.pid, c.cpus, err, c.want)
		}
	}
	status, err := hostStatus(pid)
	if err != nil || !strings.Contains(status, "Cpus_allowed_list:\t0\n") {
		t.Errorf("%v: %s", err, status)
	}
}

func say(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
