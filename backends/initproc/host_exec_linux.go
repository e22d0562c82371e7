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

// ExecPlan describes a further process of a running container. A berth helper starts it from
// outside: a thread of the helper joins the container's namespaces, takes on the process's
// attributes, and forks a child into the container's pid namespace. The child runs no berth code
// except a few system calls up to execve. Until then its executable is the one that openSelf
// returned. If the container makes the child exec /proc/self/exe, it runs that executable and
// cannot write to it (CVE-2019-5736).
type ExecPlan struct {
	// Namespaces are the CLONE_NEW* flags of the namespaces to join, without the user and the pid
	// namespace.
	Namespaces int
	Process    *process.Attributes
	// Terminal makes a new terminal in the container the process's stdio. Its master goes to the
	// console socket.
	Terminal bool
	Console  *specs.Box
	// CPUs are the CPUs on which the process may run before it is in the container's cgroup. Empty
	// means all.
	CPUs []int
	// Inherited is the number of berth's descriptors from 3 on that the process inherits.
	Inherited int
}

// ExecFiles are the descriptors that go with an ExecPlan.
type ExecFiles struct {
	// Member is a pidfd of a process in the container's namespaces. PID is the pid namespace to
	// fork the process in, or nil for berth's own.
	Member, PID *os.File
	// User, Time and Mount are namespaces to join. nil means berth's own, and for Mount also the
	// member's. JoinBeforeFork is as in Config.
	User, Time, Mount *os.File
	JoinBeforeFork    []*os.File
	// Root is the container's root directory if it is not the root of the mount namespace, or else
	// nil.
	Root *os.File
	// Secret hides the helper, which joins the user namespace, from the processes in that user
	// namespace. It is for containers that see the host's processes.
	Secret bool
	// ConsoleSocket is connected to the engine if there is a terminal.
	ConsoleSocket *os.File
	Stdio         [3]*os.File
}

// Waiting is a process that waits on its sync socket and runs the program when it is released. If
// Exec returned it, it is a child of the caller.
type Waiting struct {
	// Pid is the process that waits on the sync socket. If the program's process is forked into
	// another pid namespace, Pid is that process from Go on: see process.Prepared.Fork.
	Pid int
	// Listener receives the listener of a seccomp filter with SCMP_ACT_NOTIFY.
	Listener   func(*os.File) error
	sharedPage *process.SharedPage
	// listener is the listener that was taken from the process, to be passed to Listener.
	listener *os.File
	// forks is true if Pid is an intermediate process that will fork the program's process.
	forks bool
	// first is the intermediate process, if another process has to wait for it.
	first int
	// pidfd refers to the process Pid. It stays open.
	pidfd int
	// inner is Pid in its own pid namespace, if it is known.
	inner      int
	path       string
	syncSocket *os.File
	plan       *ExecPlan
}

// Exec starts the process. Only Go is missing then.
func Exec(plan *ExecPlan, files *ExecFiles) (*Waiting, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	w := &Waiting{syncSocket: os.NewFile(uintptr(pair[0]), "sync socket"), plan: plan, forks: files.PID != nil}
	inner := os.NewFile(uintptr(pair[1]), "sync socket")
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

// hold opens the pidfd, before any process can have reaped Pid.
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

// Go releases the process. It returns when the program runs, or with the reason why it does not.
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

// pass releases the process and waits for the program to run. Unlike Go it does not kill the
// process after an error, because the process may be another process's child.
func (w *Waiting) pass() error {
	if err := w.letOn(); err != nil {
		w.syncSocket.Close()
		return killed(err)
	}
	return w.passed()
}

// passed waits until the program runs, or returns the reason why it does not.
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

// letOn writes the byte that the process reads from the sync socket.
func (w *Waiting) letOn() error {
	if _, err := w.syncSocket.Write([]byte{1}); err != nil {
		return fmt.Errorf("let the process run: %w", err)
	}
	return nil
}

// killed drops errors that mean that the process has ended: a process that is killed before it runs
// the program is treated like one that is killed later.
func killed(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// follow waits for the intermediate process, which was released and forks the program's process,
// and takes that process over.
func (w *Waiting) follow() error {
	var status unix.WaitStatus
	err := link.Retry(func() error { _, err := unix.Wait4(w.Pid, &status, 0, nil); return err })
	if err != nil {
		return fmt.Errorf("wait for process %d, which forks the program's process: %w", w.Pid, err)
	}
	w.forks = false
	if err := w.takeOver(); !errors.Is(err, errNotForked) {
		return err
	}
	return fmt.Errorf("%w: %s", errNotForked, ending(status))
}

var errNotForked = errors.New("the process was ended before it could run the program")

// takeOver makes the forked process w.Pid after the intermediate process has ended. If there is
// none, it returns the reason.
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

// ending describes how a process has ended.
func ending(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// Grant sets on the process what only the host can set.
func (w *Waiting) Grant() error {
	if err := w.plan.Process.GrantChild(w.Pid); err != nil || w.forks {
		return err
	}
	return w.plan.Process.Schedule(w.Pid)
}

// holds reports whether the program's process reads a second byte from the sync socket, because it
// gets a scheduler first.
func (w *Waiting) holds() bool { return w.plan.Process.Scheduler != nil }

// Kill kills the process and reaps it.
func (w *Waiting) Kill() {
	w.syncSocket.Close()
	if w.Pid == 0 {
		return
	}
	_ = unix.Kill(w.Pid, unix.SIGKILL)
	_ = link.Retry(func() error { _, err := unix.Wait4(w.Pid, nil, 0, nil); return err })
}

// forking is what the thread that enters the container needs.
type forking struct {
	plan *ExecPlan
	// member is as in ExecFiles. pid is the pid namespace, or nil for our own.
	member, pid         *os.File
	mounts, root        *os.File
	syncSocket, console *os.File
	stdio               [3]int
	sibling             bool
	// atOnce forks the program's process before the byte on the sync socket is read.
	atOnce     bool
	sharedPage *process.SharedPage
	// offsets are the offsets of a new time namespace, or nil for no new one.
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
	// A container process that may trace the child could use the descriptors that the child has
	// open, so it gets only these.
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
	// The thread stays in berth's own pid namespace. Only its child enters another one.
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

// terminal opens a terminal in the container's devpts and sends its master to the engine. The slave
// stays open for the child.
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

// SetCPUs binds a thread to CPUs (sched_setaffinity(2)). If pid is 0 it binds the calling thread.
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
