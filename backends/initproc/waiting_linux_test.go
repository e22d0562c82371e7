package initproc

import (
	"encoding/binary"
	"errors"
	"os"
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
)

// inPID puts the container's process in the pid namespace of a process that lives until the test
// ends.
func (c *container) inPID() (pid int) {
	c.Helper()
	pid = holder(c.T, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})
	ns := c.open("/proc/" + strconv.Itoa(pid) + "/ns/pid")
	c.cfg.NewPID = false
	for i := range c.spec.Linux.Namespaces {
		if n := &c.spec.Linux.Namespaces[i]; n.Type == specs.PIDNamespace {
			n.Path = ns.Name()
		}
	}
	change := c.change
	c.change = func(p *Plan, add func(*os.File) int) {
		p.PIDNamespace = add(ns)
		if change != nil {
			change(p, add)
		}
	}
	return pid
}

// TestForked makes containers in an existing pid namespace.
func TestForked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*container)
		script string
		want   string
	}{
		"alone":   {script: `test $$ != 1 && cat /proc/1/comm; ls /proc/self/fd`, want: "busybox\n0\n1\n2\n3\n"},
		"an user": {change: func(c *container) { c.spec.Process.User.UID = 77 }, script: "id -u", want: "77\n"},
		"time": {change: func(c *container) {
			c.change = func(p *Plan, _ func(*os.File) int) { p.NewTime, p.Offsets = true, "boottime 1000000 0\n" }
		}, script: `test $(cut -d. -f1 /proc/uptime) -ge 1000000 && echo later`, want: "later\n"},
		"hooks": {change: func(c *container) {
			c.spec.Process.User.UID = 77
			if err := os.Chmod(c.path("dev"), 0o777); err != nil {
				c.Fatal(err)
			}
			c.spec.Mounts[1].Options = []string{"mode=777"}
			c.change = func(p *Plan, _ func(*os.File) int) {
				p.StartContainer = []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `cat >/dev/state; echo >>/dev/state; id -u >>/dev/state`}}}
			}
		}, script: `cut -d, -f3,4 /dev/state; echo ,$$`, want: "\"status\":\"created\",\"pid\":PID\n77\n,PID\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, c.script)
			if c.change != nil {
				c.change(box)
			}
			box.inPID()
			box.create()
			if box.init.ParkedInit() == 0 || box.init.ParkedInit() == box.init.Pid {
				t.Errorf("parked init %d, process %d", box.init.ParkedInit(), box.init.Pid)
			}
			if err := link.Start(box.dir, nil); err != nil {
				t.Fatal(err)
			}
			text := box.said()
			if _, pid, ok := strings.Cut(text, "\n,"); ok {
				text = strings.ReplaceAll(text, strings.TrimSpace(pid), "PID")
			}
			if text != c.want {
				t.Errorf("%q\nwant: %q", text, c.want)
			}
			if status := box.ended(); status != 0 {
				t.Errorf("status %#x", status)
			}
		})
	}
}

// TestForkedFails checks errors of a process that the init process forks.
func TestForkedFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change        func(*container)
		create, start string // errors
	}{
		"no program": {change: func(c *container) { c.spec.Process.Args = []string{"none"} }, create: `exec: "none": executable file not found in $PATH`},
		"offsets": {change: func(c *container) {
			c.change = func(p *Plan, _ func(*os.File) int) { p.NewTime, p.Offsets = true, "boottime none 0\n" }
		}, create: "linux.timeOffsets: write /proc/…"},
		"not a program": {change: func(c *container) { c.write("bin/odd", "odd"); c.spec.Process.Args = []string{"odd"} }, start: "exec /bin/odd: exec format error"},
		"a hook": {change: func(c *container) {
			c.change = func(p *Plan, _ func(*os.File) int) {
				p.StartContainer = []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo sorry; exit 4"}}}
			}
		}, start: "hooks.startContainer[0] (/bin/sh): exit status 4: output: sorry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, "echo the program runs")
			c.change(box)
			box.inPID()
			if c.create != "" {
				if err := box.spawn(); err != nil {
					t.Fatal(err)
				}
				box.enclose()
				fails(t, "Prepare", box.prepare(nil), c.create)
			} else {
				box.create()
				fails(t, "Start", link.Start(box.dir, nil), c.start)
			}
			box.end()
			if text := box.said(); text != "" {
				t.Errorf("the container has printed %q", text)
			}
		})
	}
}

// TestParkedInitEnds checks that the parked init ends with the process that it has forked, so that
// nobody listens for start then.
func TestParkedInitEnds(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "echo the program runs")
	c.inPID()
	c.create()
	if err := unix.Kill(c.init.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(c.init.ParkedInit(), &status, 0, nil); err != nil || status.ExitStatus() != 1 {
		t.Errorf("the parked init: status %#x, %v", status, err)
	}
	// A child that another test is about to start can have the socket open for a moment.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if waits, err := link.Waits(c.dir); err != nil || waits && time.Now().After(deadline) {
			t.Errorf("Waits: %t, %v", waits, err)
		} else if !waits {
			break
		}
	}
	if text := c.said(); text != "" {
		t.Errorf("%q", text)
	}
}

// waiting returns a Waiting whose process is the test, and the other end of its sync socket.
func waiting(t *testing.T) (*Waiting, *os.File) {
	t.Helper()
	ours, theirs, err := link.Pair()
	if err != nil {
		t.Fatal(err)
	}
	w := &Waiting{path: "/bin/program", syncSocket: os.NewFile(uintptr(ours.FD), "ours"), plan: &ExecPlan{Process: &process.Attributes{}}}
	if err := w.makeSharedPage(); err != nil {
		t.Fatal(err)
	}
	other := os.NewFile(uintptr(theirs.FD), "theirs")
	t.Cleanup(func() {
		w.syncSocket.Close()
		other.Close()
	})
	return w, other
}

// report is what a process sends when a step has failed.
func report(step uint32, errno syscall.Errno) []byte {
	return binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, step), uint32(errno))
}

// stepExec and stepSeccomp are the steps of those names in package process.
const (
	stepSeccomp = 6
	stepExec    = 7
)

// TestPass plays the process that waits.
func TestPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report []byte
		want   string
	}{
		"the program runs": {nil, ""},
		"exec fails":       {report(stepExec, unix.ENOENT), "exec /bin/program: no such file or directory"},
		"a step fails":     {report(stepSeccomp, unix.EINVAL), "load the seccomp filter: invalid argument"},
		"an unknown step":  {report(200, unix.EPERM), "the process sent an invalid report: operation not permitted"},
		"half a report":    {report(stepExec, unix.ENOENT)[:5], "the process sent an invalid report"},
		"a long report":    {make([]byte, 1000), "the process sent an invalid report"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, other := waiting(t)
			passed := make(chan error, 1)
			go func() {
				b := make([]byte, 2)
				n, err := other.Read(b)
				if err == nil && (n != 1 || b[0] != 1) {
					err = errors.New("another byte arrived")
				}
				if len(c.report) > 0 {
					_, werr := other.Write(c.report)
					err = errors.Join(err, werr)
				}
				other.Close()
				passed <- err
			}()
			if err := w.pass(); say(err) != c.want {
				t.Errorf("pass: %v, want %s", err, c.want)
			}
			if err := <-passed; err != nil {
				t.Error(err)
			}
			if _, err := w.syncSocket.Write(nil); !errors.Is(err, os.ErrClosed) {
				t.Errorf("the sync socket: %v", err)
			}
		})
	}
	// A process that was killed before is like one that is killed later.
	w, other := waiting(t)
	other.Close()
	if err := w.pass(); err != nil {
		t.Errorf("nobody: %v", err)
	}
	w, _ = waiting(t)
	w.syncSocket.Close()
	if err := w.pass(); !errors.Is(err, os.ErrClosed) || !strings.HasPrefix(err.Error(), "release the process: ") {
		t.Errorf("no socket: %v", err)
	}
}

// TestTakeOver plays the intermediate process, which has ended.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	w, other := waiting(t)
	other.Close()
	if err := w.takeOver(); !errors.Is(err, errNotForked) {
		t.Errorf("killed: %v", err)
	}
	w, other = waiting(t)
	if _, err := other.Write(report(stepExec, unix.ENOENT)); err != nil {
		t.Fatal(err)
	}
	other.Close()
	fails(t, "a step that failed", w.takeOver(), "exec /bin/program: no such file or directory")
	// The kernel writes the pid of the process to the page.
	w, _ = waiting(t)
	fd := int(w.sharedPage.File().Fd())
	pid := holder(t, nil)
	if _, err := unix.Pwrite(fd, binary.NativeEndian.AppendUint32(nil, uint32(pid)), 4096); err != nil {
		t.Fatal(err)
	}
	if err := w.takeOver(); err != nil || w.Pid != pid {
		t.Fatalf("process %d, %v", w.Pid, err)
	}
	defer unix.Close(w.pidfd)
	if err := unix.PidfdSendSignal(w.pidfd, unix.SIGKILL, nil, 0); err != nil {
		t.Error(err)
	}
	if _, err := unix.Pwrite(fd, binary.NativeEndian.AppendUint32(nil, 1<<30), 4096); err != nil {
		t.Fatal(err)
	}
	fails(t, "no such process", w.takeOver(), "the container's process 1073741824: pidfd_open: …")
}

// TestListenerOfTheProcess plays a process that has loaded a filter with a listener.
func TestListenerOfTheProcess(t *testing.T) {
	t.Parallel()
	errAgent := errors.New("the agent has gone")
	for name, c := range map[string]struct {
		listener int // its descriptor in the process; -1 for none
		agent    error
		want     string
		passed   bool
		released bool
	}{
		"passed on":          {listener: 0, passed: true, released: true},
		"refused":            {listener: 0, agent: errAgent, want: errAgent.Error(), passed: true},
		"a wrong number":     {listener: 999, want: "linux.seccomp: take the filter's listener from process "},
		"an earlier failure": {listener: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, other := waiting(t)
			w.plan.Process.Seccomp = notifying(unix.SYS_SYNC)
			w.Pid = holder(t, nil)
			if err := w.hold(); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(w.pidfd)
			passed := false
			w.Listener = func(f *os.File) error {
				link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
				passed = strings.HasPrefix(link, "pipe:")
				return errors.Join(err, c.agent)
			}
			page := w.sharedPage.File()
			if c.listener >= 0 {
				if _, err := unix.Pwrite(int(page.Fd()), binary.NativeEndian.AppendUint32(nil, uint32(c.listener+1)), 0); err != nil {
					t.Fatal(err)
				}
			} else if _, err := other.Write(report(stepSeccomp, unix.EINVAL)); err != nil {
				t.Fatal(err)
			}
			err := w.passListener()
			if !strings.HasPrefix(say(err), c.want) || (err == nil) != (c.want == "") || passed != c.passed {
				t.Errorf("%v, passed on: %t", err, passed)
			}
			word := make([]byte, 4)
			if _, err := unix.Pread(int(page.Fd()), word, 8); err != nil || (binary.NativeEndian.Uint32(word) == 1) != c.released {
				t.Errorf("released: %v, %v", word, err)
			}
		})
	}
}

func TestInnerPid(t *testing.T) {
	t.Parallel()
	if pid, err := innerPid(holder(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})); pid != 1 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	if pid, err := innerPid(os.Getpid()); pid != os.Getpid() || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	if pid, err := innerPid(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%d, %v", pid, err)
	}
}

func TestEnding(t *testing.T) {
	t.Parallel()
	for status, want := range map[syscall.WaitStatus]string{
		0x0000: "exit status 0", 0x2a00: "exit status 42", 9: "killed by signal 9 (killed)", 15: "killed by signal 15 (terminated)",
	} {
		if got := ending(unix.WaitStatus(status)); got != want {
			t.Errorf("%#x: %q, want %q", status, got, want)
		}
	}
}

// TestSelf checks that nobody can write to berth through the executables of its helpers.
func TestSelf(t *testing.T) {
	t.Parallel()
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		open func() (*os.File, error)
		copy bool
		mode os.FileMode
	}{
		"a mount":  {mountSelf, false, own.Mode()},
		"the best": {openSelf, false, own.Mode()},
		"a copy":   {copySelf, true, 0o777},
		"for exec": {func() (*os.File, error) { return openHelper(false) }, false, own.Mode()},
		"for exec in a user namespace that sees the host's processes": {func() (*os.File, error) { return openHelper(true) }, true, 0o111},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := c.open()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil || info.Size() != own.Size() || info.Mode() != c.mode || os.SameFile(info, own) == c.copy {
				t.Errorf("%v, %v", info, err)
			}
			path := filepath.Join("/proc/self/fd", strconv.Itoa(int(f.Fd())))
			if !c.copy {
				// It is busy, but not only that.
				if err := os.Chmod(path, own.Mode()); !errors.Is(err, unix.EROFS) {
					t.Errorf("chmod: %v", err)
				}
				return
			}
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if _, err := w.Write([]byte("x")); !errors.Is(err, unix.EPERM) {
				t.Errorf("write: %v", err)
			}
			for _, size := range []int64{0, info.Size() + 1} {
				if err := w.Truncate(size); !errors.Is(err, unix.EPERM) {
					t.Errorf("truncate to %d: %v", size, err)
				}
			}
			if _, err := unix.FcntlInt(w.Fd(), unix.F_ADD_SEALS, 0); !errors.Is(err, unix.EPERM) {
				t.Errorf("another seal: %v", err)
			}
		})
	}
}

// TestCheckTime checks that this kernel's execve enters a new time namespace.
func TestCheckTime(t *testing.T) {
	t.Parallel()
	before := namespace(t, "time_for_children")
	if err := CheckTime(); err != nil {
		t.Error(err)
	}
	if after := namespace(t, "time_for_children"); after != before {
		t.Errorf("the test itself is in %s and no longer in %s", after, before)
	}
}

// TestWaitPatience checks that Wait gives up.
func TestWaitPatience(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "")
	if err := c.spawn(); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	c.init.Wait(30 * time.Millisecond)
	if took := time.Since(before); took < 30*time.Millisecond || took > 30*time.Second {
		t.Errorf("Wait took %v", took)
	}
}
