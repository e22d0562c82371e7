package initproc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// ExecPlan is a further process of a container that runs. A helper of berth's
// takes its place from outside: a thread joins the container's namespaces, takes
// on the attributes, and has a child in the container's pid namespace, in which
// nothing of berth runs but a few system calls up to execve. What the child is
// until then, and what the container can have it run again as /proc/self/exe, is
// the executable of openSelf (CVE-2019-5736).
type ExecPlan struct {
	// Namespaces are the CLONE_NEW* flags of those to join, without the user and
	// the pid namespace.
	Namespaces int
	Process    *process.Attributes
	// Terminal makes a new terminal of the container's the stdio; its master
	// goes to the console socket.
	Terminal bool
	Console  *specs.Box
	// CPUs are those that the process may run on before it is in the
	// container's cgroup; all of them if empty.
	CPUs []int
	// Inherited is the number of berth's own descriptors from 3 on for the
	// process.
	Inherited int
}

// ExecFiles are the descriptors beside an ExecPlan.
type ExecFiles struct {
	// Member is a pidfd of a process whose namespaces are the container's, PID
	// the pid namespace to be born in; nil for berth's own.
	Member, PID *os.File
	// User, Time and Mount are namespaces to join; nil for berth's own, and for a mount
	// namespace that is Member's. Born are as in Config.
	User, Time, Mount *os.File
	JoinBeforeFork    []*os.File
	// Root is the container's root directory where it is not that of the mount
	// namespace; else nil.
	Root *os.File
	// Secret keeps the process that joins the user namespace from those in it:
	// it is for containers that see the host's processes.
	Secret bool
	// ConsoleSocket is connected to the engine, if there is a terminal.
	ConsoleSocket *os.File
	Stdio         [3]*os.File
}

// Waiting is a process that will run the program when it is let through the
// gate; it is the calling process's child.
type Waiting struct {
	// Pid is that of the process at the gate. Where the program's process is born
	// in another pid namespace it is, from Go on, that one's: see
	// process.Prepared.Fork.
	Pid int
	// Listener takes the listener of a seccomp filter with SCMP_ACT_NOTIFY.
	Listener   func(*os.File) error
	sharedPage *process.SharedPage
	// listener is what was taken for it.
	listener *os.File
	// bears says that Pid will bear the program's process.
	forks bool
	// first is the process that has borne it, where that is somebody else's to wait for.
	first int
	// pidfd refers to the process Pid. It stays open.
	pidfd int
	// inner is its pid in its own pid namespace, where that is known.
	inner      int
	path       string
	syncSocket *os.File
	plan       *ExecPlan
}

// Exec makes the process up to where only Go is missing.
func Exec(plan *ExecPlan, files *ExecFiles) (*Waiting, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	w := &Waiting{syncSocket: os.NewFile(uintptr(pair[0]), "gate"), plan: plan, forks: files.PID != nil}
	inner := os.NewFile(uintptr(pair[1]), "gate")
	defer inner.Close()
	if err := w.makeSharedPage(); err != nil {
		w.syncSocket.Close()
		return nil, err
	}
	if err := w.exec(files, inner); err != nil {
		w.syncSocket.Close()
		w.sharedPage.Close()
		return nil, err
	}
	if err := w.hold(); err != nil {
		w.Kill()
		return nil, err
	}
	return w, nil
}

// hold opens the pidfd, before anybody can have waited for the process.
func (w *Waiting) hold() error {
	pidfd, err := unix.PidfdOpen(w.Pid, 0)
	if err != nil {
		return fmt.Errorf("the container's process %d: pidfd_open: %w", w.Pid, err)
	}
	if w.pidfd != 0 {
		unix.Close(w.pidfd)
	}
	w.pidfd = pidfd
	return nil
}

// Go lets the process run its program, and returns when it does or cannot.
func (w *Waiting) Go() error {
	err := w.forkAndRelease()
	if err != nil {
		w.Kill()
	}
	return err
}

func (w *Waiting) forkAndRelease() error {
	if !w.forks {
		return w.pass()
	}
	if err := w.letOn(); killed(err) != nil {
		return err
	}
	if err := w.takeListener(); err != nil {
		return err
	}
	if err := w.follow(); err != nil {
		return err
	}
	if !w.holds() {
		return w.passed()
	}
	if err := w.plan.Process.Schedule(w.Pid); err != nil {
		return err
	}
	return w.pass()
}

// pass is Go for a process that is somebody else's child.
func (w *Waiting) pass() error {
	if err := w.letOn(); err != nil {
		w.syncSocket.Close()
		return killed(err)
	}
	return w.passed()
}

// passed waits for the program to run, or for why it cannot.
func (w *Waiting) passed() error {
	defer w.sharedPage.Close()
	if err := w.passListener(); err != nil {
		_ = unix.PidfdSendSignal(w.pidfd, unix.SIGKILL, nil, 0)
		return err
	}
	report, err := io.ReadAll(io.LimitReader(w.syncSocket, 64))
	w.syncSocket.Close()
	if err == nil {
		err = w.plan.Process.Failure(report, w.path)
	}
	return killed(err)
}

// letOn writes the byte that is waited for at the gate.
func (w *Waiting) letOn() error {
	if _, err := w.syncSocket.Write([]byte{1}); err != nil {
		return fmt.Errorf("let the process run: %w", err)
	}
	return nil
}

// killed leaves out errors that come of a process's end: one that is killed before
// it runs ends as one does that is killed later.
func killed(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// follow takes over the process that the one at the gate, which was let through,
// bears, and has ended then.
func (w *Waiting) follow() error {
	var status unix.WaitStatus
	err := link.Retry(func() error { _, err := unix.Wait4(w.Pid, &status, 0, nil); return err })
	if err != nil {
		return fmt.Errorf("wait for process %d, which is to bear the program's: %w", w.Pid, err)
	}
	w.forks = false
	if err := w.takeOver(); !errors.Is(err, errNotForked) {
		return err
	}
	return fmt.Errorf("%w: %s", errNotForked, ending(status))
}

var errNotForked = errors.New("the process was ended before it could run the program")

// takeOver is for when the process at the gate has ended.
func (w *Waiting) takeOver() error {
	if w.Pid = w.sharedPage.Child(); w.Pid != 0 {
		return w.hold()
	}
	report, err := io.ReadAll(io.LimitReader(w.syncSocket, 64))
	if err == nil {
		err = w.plan.Process.Failure(report, w.path)
	}
	if killed(err) == nil {
		err = errNotForked
	}
	return err
}

// ending says how a process has ended.
func ending(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// Grant gives the process what only the host can.
func (w *Waiting) Grant() error {
	if err := w.plan.Process.GrantChild(w.Pid); err != nil || w.forks {
		return err
	}
	return w.plan.Process.Schedule(w.Pid)
}

// holds says that the program's process, when it is born, waits at the gate once
// more, for its scheduler.
func (w *Waiting) holds() bool { return w.plan.Process.Scheduler != nil }

// Kill ends a process that is not wanted any more.
func (w *Waiting) Kill() {
	w.syncSocket.Close()
	if w.Pid == 0 {
		return
	}
	_ = unix.Kill(w.Pid, unix.SIGKILL)
	_ = link.Retry(func() error { _, err := unix.Wait4(w.Pid, nil, 0, nil); return err })
}

// birth is what happens on the thread that goes into the container.
type forking struct {
	plan *ExecPlan
	// member is as in ExecFiles, pid is a namespace; nil for our own.
	member, pid         *os.File
	mounts, root        *os.File
	syncSocket, console *os.File
	stdio               [3]int
	sibling             bool
	// atOnce has the process born before anybody is let through the gate.
	atOnce     bool
	sharedPage *process.SharedPage
	// offsets, if not nil, are those of a new time namespace.
	offsets *string
}

func (b *forking) fork() (pid int, path string, err error) {
	p, err := b.prepare()
	if err != nil {
		return -1, "", err
	}
	if len(b.plan.CPUs) > 0 {
		if err := SetCPUs(0, b.plan.CPUs); err != nil {
			return -1, "", &spec.FieldError{Path: "process.execCPUAffinity.initial", Err: err}
		}
	}
	// A process of the container's with the right to do so could look at what the
	// child has open.
	o := process.ForkOptions{
		Stdio: b.stdio, Terminal: b.plan.Terminal, Sibling: b.sibling, SyncSocket: int(b.syncSocket.Fd()), SharedPage: b.sharedPage,
		AtOnce: b.atOnce, Hold: !b.atOnce && b.plan.Process.Scheduler != nil,
	}
	keep := append(b.stdio[:], o.SyncSocket)
	if b.pid != nil {
		o.PIDs = int(b.pid.Fd())
		keep = append(keep, o.PIDs)
	}
	if err := process.Isolate(b.plan.Inherited, keep...); err != nil {
		return -1, "", err
	}
	pid, err = p.Fork(o)
	return pid, p.Path(), err
}

func (b *forking) prepare() (*process.Prepared, error) {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return nil, fmt.Errorf("unshare(CLONE_FS): %w", err)
	}
	if b.offsets != nil {
		if err := newTime(*b.offsets, strconv.Itoa(unix.Gettid())); err != nil {
			return nil, err
		}
	}
	// The thread stays in berth's own pid namespace; only its child will not.
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/proc: %w", err)
	}
	defer unix.Close(proc)
	if err := join(b.member, b.plan.Namespaces, b.mounts); err != nil {
		return nil, err
	}
	if b.root != nil {
		if err := rootfs.Enter(int(b.root.Fd())); err != nil {
			return nil, fmt.Errorf("enter the container's root: %w", err)
		}
	}
	if b.console != nil {
		slave, err := b.terminal()
		if err != nil {
			return nil, err
		}
		b.stdio = [3]int{slave, slave, slave}
	}
	return b.plan.Process.Prepare(process.Options{Proc: proc, Preserve: b.plan.Inherited, Fork: true, Join: b.pid != nil, Stdio: b.stdio[:]})
}

// terminal opens one in the container's devpts; the slave stays open for the
// child.
func (b *forking) terminal() (slave int, err error) {
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("/: %w", err)
	}
	defer unix.Close(root)
	master, end, err := rootfs.OpenTerminal(root)
	if err != nil {
		return -1, err
	}
	defer master.Close()
	defer end.Close()
	if err := link.Resize(master, b.plan.Console); err != nil {
		return -1, err
	}
	if err := link.SendTerminal(b.console, master); err != nil {
		return -1, err
	}
	return unix.FcntlInt(end.Fd(), unix.F_DUPFD_CLOEXEC, 3+b.plan.Inherited)
}

// SetCPUs binds a thread to processors (sched_setaffinity(2)); 0 is the calling
// one.
func SetCPUs(pid int, cpus []int) error {
	set := unix.NewCPUSet(maxCPU)
	for _, n := range cpus {
		if n < 0 || n >= maxCPU {
			return fmt.Errorf("there is no processor %d", n)
		}
		set.Set(n)
	}
	if err := unix.SchedSetaffinityDynamic(pid, set); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	return nil
}

// maxCPU is more than any kernel's NR_CPUS.
const maxCPU = 8192
