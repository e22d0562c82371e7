package initproc

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

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
