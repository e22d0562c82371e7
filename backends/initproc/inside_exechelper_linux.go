package initproc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
)

// execVar tells a re-executed berth to be the helper of Exec.
const execVar = "_BERTH_INIT_EXEC"

// helperPlan is the helper's plan. Its numbers are indexes of the files beside it, or None. Files 0
// and 1 are Member and the sync socket. PID, Mount and Root are the files of the same names in
// ExecFiles, Tty is ConsoleSocket, and SharedPage is the shared page.
type helperPlan struct {
	*ExecPlan
	PID, Tty, SharedPage, Mount, Root int
}

// forkReply is the helper's answer.
type forkReply struct {
	Pid   int
	Path  string
	Error string `json:",omitempty"`
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
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	host, inside := link.Conn{FD: pair[0]}, os.NewFile(uintptr(pair[1]), "helper")
	defer host.Close()
	defer inside.Close()

	attr := &syscall.ProcAttr{Files: []uintptr{files.Stdio[0].Fd(), files.Stdio[1].Fd(), files.Stdio[2].Fd()}}
	for i := range w.plan.Inherited {
		attr.Files = append(attr.Files, uintptr(3+i))
	}
	socketAt := len(attr.Files)
	attr.Files = append(attr.Files, inside.Fd())
	var spaces joining
	spaces.addFile("user", files.User)
	spaces.addFile("time", files.Time)
	program, argv, err := spaces.command(attr, exe)
	if err != nil {
		return err
	}
	attr.Env = append(initEnv(), socketVar+"="+strconv.Itoa(socketAt), execVar+"=1")
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
		return nil, fmt.Errorf("copy of berth for the user namespace: %w", err)
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

// helpExec is what the helper does. It does not return.
func helpExec(c link.Conn) {
	answer := forkReply{}
	var err error
	if answer.Pid, answer.Path, err = helpFork(c); err != nil {
		answer.Error = err.Error()
	}
	if err := c.Send(answer); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func helpFork(c link.Conn) (pid int, path string, err error) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return -1, "", fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err)
	}
	var plan helperPlan
	files, err := c.ReceiveFiles(&plan)
	if err != nil {
		return -1, "", fmt.Errorf("receive the plan: %w", err)
	}
	if len(files) < 2 || plan.SharedPage == None || max(plan.PID, plan.Tty, plan.SharedPage, plan.Mount, plan.Root) >= len(files) {
		return -1, "", errors.New("descriptors are missing beside the plan")
	}
	b := &forking{plan: plan.ExecPlan, member: files[0], syncSocket: files[1], stdio: [3]int{0, 1, 2}, sibling: true}
	for at, f := range map[int]**os.File{plan.PID: &b.pid, plan.Tty: &b.console, plan.Mount: &b.mounts, plan.Root: &b.root} {
		if at != None {
			*f = files[at]
		}
	}
	if b.sharedPage, err = process.OpenSharedPage(files[plan.SharedPage]); err != nil {
		return -1, "", fmt.Errorf("memory in common with exec: %w", err)
	}
	// Another thread forks, because this one still has to answer.
	process.OnThread(func() { pid, path, err = b.fork() })
	return pid, path, err
}
