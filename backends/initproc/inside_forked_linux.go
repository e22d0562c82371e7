package initproc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
)

// fork starts the user's process in an existing pid namespace, as Exec does: the process sees
// nothing but the container and has the user's rights from its first moment on. The init process
// becomes the parked init. Processes in that pid namespace cannot see it. The user's process waits
// on its sync socket until start.
func (s *initProcess) fork(root *rootfs.Root) (launch func() error, pid int, err error) {
	outer, inner, err := link.FilePair("sync socket")
	if err != nil {
		return nil, 0, err
	}
	w := &Waiting{syncSocket: outer, plan: &ExecPlan{
		Namespaces: s.plan.Namespaces, Process: s.plan.Process, Terminal: s.plan.Terminal, Inherited: s.plan.Inherited,
	}}
	defer inner.Close()
	if err := w.makeSharedPage(); err != nil {
		return nil, 0, err
	}
	w.Listener = func(f *os.File) error { return s.handListener(int(f.Fd())) }
	b := &forking{
		sharedPage: w.sharedPage,
		plan:       w.plan, member: s.file(s.plan.Member), pid: s.file(s.plan.PIDNamespace), syncSocket: inner, stdio: [3]int{0, 1, 2}, sibling: true,
		mounts: s.fileOrNil(s.plan.MountNamespace), atOnce: true,
	}
	if s.plan.Root.SharedMountNamespace {
		fd, err := unix.FcntlInt(uintptr(root.Dir()), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, 0, fmt.Errorf("the container's root: %w", err)
		}
		b.root = os.NewFile(uintptr(fd), "/")
		defer b.root.Close()
	}
	if s.plan.NewTime {
		b.offsets = &s.plan.Offsets
	}
	err = osthread.Run(func() (err error) {
		w.Pid, w.path, err = b.fork()
		return err
	})
	inner.Close()
	if err != nil {
		return nil, 0, err
	}
	if err := w.awaitFork(); err != nil {
		return nil, 0, err
	}
	if w.inner, err = innerPid(w.Pid); err != nil {
		return nil, 0, err
	}
	if err := s.prepareHooks(root); err != nil {
		return nil, 0, err
	}
	s.waiting = w
	return w.pass, w.Pid, s.keepStart()
}

// awaitFork waits for the end of the intermediate process, which forks the user's process. It polls
// a pidfd, because the intermediate process is create's child.
func (w *Waiting) awaitFork() error {
	w.first = w.Pid
	if err := w.hold(); err != nil {
		return err
	}
	fds := []unix.PollFd{{Fd: int32(w.pidfd), Events: unix.POLLIN}}
	if err := link.Retry(func() error { _, err := unix.Poll(fds, -1); return err }); err != nil {
		return fmt.Errorf("the container's process %d: poll: %w", w.first, err)
	}
	return w.takeOver()
}

// endWithIt makes the init process exit when the user's process ends. The caller calls the function
// that it returns at start: from then on the sync socket reports the end.
func (w *Waiting) endWithIt() func() {
	var started atomic.Bool
	go func() {
		fds := []unix.PollFd{{Fd: int32(w.pidfd), Events: unix.POLLIN}}
		_ = link.Retry(func() error { _, err := unix.Poll(fds, -1); return err })
		if !started.Load() {
			os.Exit(1)
		}
	}()
	return func() { started.Store(true) }
}

// prepareHooks gives the init process the attributes of the user's process, because the
// startContainer hooks run with them.
func (s *initProcess) prepareHooks(root *rootfs.Root) error {
	if len(s.plan.StartContainer) == 0 {
		return nil
	}
	if err := joinPID(s.file(s.plan.PIDNamespace)); err != nil {
		return err
	}
	var err error
	s.prepared, err = s.plan.Process.Prepare(process.Options{Proc: root.Proc(), Preserve: s.plan.Inherited, Fork: true})
	return err
}

// joinPID makes the calling thread fork its children into a pid namespace (setns(2)).
func joinPID(ns *os.File) error {
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("join the pid namespace (the container's user namespace, or one below it, must own it): setns: %w", err)
	}
	return nil
}

// innerPid returns the pid of a process in its own pid namespace (proc_pid_status(5), NSpid).
func innerPid(pid int) (int, error) {
	status, err := hostStatus(pid)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(status) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			if pids := strings.Fields(list); len(pids) > 0 {
				return strconv.Atoi(pids[len(pids)-1])
			}
		}
	}
	return 0, fmt.Errorf("read the pid namespace of process %d: /proc shows no NSpid", pid)
}

// hostStatus reads /proc/PID/status on a thread that has not followed the init process into the
// container.
func hostStatus(pid int) (string, error) {
	var data []byte
	err := osthread.Run(func() (err error) {
		data, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		return err
	})
	return string(data), err
}
