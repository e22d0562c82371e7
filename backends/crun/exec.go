package crun

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
)

// Command is a program with its arguments. Argv[0] is the name by which it is called.
type Command struct {
	Path string
	Argv []string
}

// command is the other runtime's command line for a call on a container.
func (b *Backend) command(c *backends.Container, call Call) (*Command, error) {
	path, err := b.runtime(c)
	if err != nil {
		return nil, err
	}
	globals, err := b.settings.Globals.args(flavourOf(path), b.root(c.Root))
	if err != nil {
		return nil, err
	}
	argv := append([]string{path}, globals...)
	argv = append(argv, call.Command)
	return &Command{Path: path, Argv: append(argv, call.Words...)}, nil
}

// HandOver replaces this process by the other runtime, which keeps all that the caller has given:
// the pid, the descriptors, the terminal, the environment. It returns only if the other runtime
// cannot be run.
func (b *Backend) HandOver(c *backends.Container, call Call) error {
	cmd, err := b.command(c, call)
	if err != nil {
		return err
	}
	logrus.WithField("command", backends.CommandLine(cmd.Argv...)).Debug("handed over")
	return backends.CannotStart(cmd.Path, syscall.Exec(cmd.Path, cmd.Argv, b.settings.Environ))
}

// Carry starts the other runtime and waits for it. The other runtime inherits all descriptors of
// this process that are not close-on-exec. A container that it leaves behind becomes a child of the
// nearest subreaper above this process, or of init.
func (b *Backend) Carry(c *backends.Container, call Call) error {
	cmd, err := b.command(c, call)
	if err != nil {
		return err
	}
	return cmd.run(b.settings.Environ, 1)
}

// run runs the program with the given stdout and waits for it.
func (cmd *Command) run(environ []string, stdout uintptr) error {
	// The program must not go on alone if berth is killed (Pdeathsig). The kernel sends that signal
	// when the thread that started the program ends, so the thread must not change.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := time.Now()
	pid, err := cmd.start(environ, stdout)
	if err != nil {
		return err
	}
	err = cmd.wait(pid)
	backends.Called(cmd.Argv, begin, statusOf(err))
	return err
}

// statusOf returns the exit status that an error of wait tells, or -1 if it tells none.
func statusOf(err error) int {
	var told *Reported
	switch {
	case err == nil:
		return 0
	case errors.As(err, &told):
		return told.Status
	}
	return -1
}

func (cmd *Command) start(environ []string, stdout uintptr) (int, error) {
	pid, err := syscall.ForkExec(cmd.Path, cmd.Argv, &syscall.ProcAttr{
		Env:   environ,
		Files: []uintptr{0, stdout, 2},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, backends.CannotStart(cmd.Path, err)
	}
	return pid, nil
}

func (cmd *Command) wait(pid int) error {
	status, err := wait(pid)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", cmd.Path, err)
	}
	return reported(cmd.Path, status)
}

// Reported is the failure of a program that has told the caller itself what was wrong, on the same
// stderr and in the same log.
type Reported struct {
	// Program is the program's path. Status is its exit status, or 128 plus the number of the
	// signal that ended it.
	Program string
	Status  int
}

func (r *Reported) Error() string { return fmt.Sprintf("%s: exit status %d", r.Program, r.Status) }

func reported(path string, status syscall.WaitStatus) error {
	switch {
	case status.Signaled():
		return &Reported{Program: path, Status: 128 + int(status.Signal())}
	case status.ExitStatus() != 0:
		return &Reported{Program: path, Status: status.ExitStatus()}
	}
	return nil
}

// output runs the other runtime and returns what it prints. Its errors go where berth's own go.
func (b *Backend) output(c *backends.Container, call Call) ([]byte, error) {
	cmd, err := b.command(c, call)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := cmd.start(b.settings.Environ, w.Fd())
	w.Close()
	if err != nil {
		return nil, err
	}
	out, readErr := io.ReadAll(r)
	if err := cmd.wait(pid); err != nil {
		return nil, err
	}
	return out, readErr
}
