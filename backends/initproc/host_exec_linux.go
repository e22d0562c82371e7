package initproc

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

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

// Exec starts the process. Only Go is missing then.
func Exec(plan *ExecPlan, files *ExecFiles) (*Waiting, error) {
	outer, inner, err := link.FilePair("sync socket")
	if err != nil {
		return nil, err
	}
	w := &Waiting{syncSocket: outer, plan: plan, forks: files.PID != nil}
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

// exec starts the process through a helper, which joins a user or time namespace with nsenter(1),
// because a Go program cannot join one (setns(2)). The helper stays in berth's pid namespace, where
// the container cannot see it.
func (w *Waiting) exec(files *ExecFiles, syncSocket *os.File) error {
	exe, err := openHelper(files.Secret && files.User != nil)
	if err != nil {
		return err
	}
	defer exe.Close()
	outer, inside, err := link.FilePair("helper")
	if err != nil {
		return err
	}
	defer outer.Close()
	defer inside.Close()
	host := link.Conn{FD: int(outer.Fd())}

	attr := link.Child(files.Stdio, w.plan.Inherited, inside.Fd(), socketVar)
	var spaces joining
	spaces.addFile("user", files.User)
	spaces.addFile("time", files.Time)
	program, argv, err := spaces.command(attr, exe)
	if err != nil {
		return err
	}
	attr.Env = append(attr.Env, execVar+"=1")
	var pid int
	err = inNamespaces(files.JoinBeforeFork, func() (err error) {
		if pid, err = syscall.ForkExec(program, argv, attr); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	inside.Close()
	err = w.instruct(host, files, syncSocket)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	var status syscall.WaitStatus
	werr := link.Retry(func() error { _, err := syscall.Wait4(pid, &status, 0, nil); return err })
	if errors.Is(err, link.ErrPeerGone) {
		err = fmt.Errorf("the helper in the container's namespaces ended with status %d", status.ExitStatus())
	}
	if err == nil {
		err = werr
	}
	return err
}

// openHelper opens berth's executable. If secret is true, it opens a copy that a process can read
// only if its user namespace makes it root of the host. The kernel then keeps all other processes
// from tracing the helper (ptrace(2), "Ptrace access mode checking").
func openHelper(secret bool) (*os.File, error) {
	if !secret {
		return openSelf()
	}
	f, err := copySelf()
	if err == nil {
		err = f.Chmod(0o111)
	}
	if err != nil {
		return nil, fmt.Errorf("copy berth for the user namespace: %w", err)
	}
	return f, nil
}

// instruct sends the helper its plan, and waits for its answer.
func (w *Waiting) instruct(host link.Conn, files *ExecFiles, syncSocket *os.File) error {
	passed := []*os.File{files.Member, syncSocket}
	plan := helperPlan{ExecPlan: w.plan}
	add := func(f *os.File) int {
		if f == nil {
			return None
		}
		passed = append(passed, f)
		return len(passed) - 1
	}
	plan.PID, plan.Tty = add(files.PID), add(files.ConsoleSocket)
	plan.Mount, plan.Root = add(files.Mount), add(files.Root)
	plan.SharedPage = add(w.sharedPage.File())
	if err := host.Send(plan, passed...); err != nil {
		return err
	}
	var answer forkReply
	if err := host.Receive(&answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	w.Pid, w.path = answer.Pid, answer.Path
	return nil
}
