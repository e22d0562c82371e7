package jailed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/spec"
)

func init() {
	number := os.Getenv(socketVar)
	if number == "" {
		return
	}
	runtime.LockOSThread()
	socket, err := strconv.Atoi(number)
	if err != nil {
		fmt.Fprintf(os.Stderr, "berth: the container's process: %s: %v\n", socketVar, err)
		os.Exit(1)
	}
	unix.CloseOnExec(socket)
	c := link.Conn{FD: socket}
	err = run(c)
	_ = c.Send(link.Event{Kind: link.EventError, Message: spec.Shorten(err.Error())})
	os.Exit(1)
}

// inside is the init process with its plan.
type inside struct {
	conn  link.Conn
	plan  *Plan
	files []*os.File
	// start is the descriptor of the listening socket, or None. path is the program's path.
	start int
	path  string
	env   []string
}

// run execs the user's program, or returns an error while create still listens. If create ends
// before it has recorded the container, run fails and the process ends too.
func run(c link.Conn) error {
	if err := c.Await(link.AnswerEnclose); err != nil {
		return err
	}
	var plan Plan
	files, err := c.ReceiveFiles(&plan)
	if err != nil {
		return fmt.Errorf("receive the plan: %w", err)
	}
	p := &inside{conn: c, plan: &plan, files: files, start: None}
	if err := p.prepare(); err != nil {
		return err
	}
	if err := c.Send(link.Event{Kind: link.EventReady}); err != nil {
		return err
	}
	if err := c.Await(link.AnswerFree); err != nil {
		return err
	}
	if p.start == None {
		return p.exec()
	}
	c.Close()
	link.Serve(p.start, p.launch)
	return nil
}

func (p *inside) file(i int) (*os.File, error) {
	if i < 0 || i >= len(p.files) {
		return nil, errors.New("the plan came without all of its descriptors")
	}
	return p.files[i], nil
}

// prepare runs the hooks outside the jail, enters the jail and changes to the user.
func (p *inside) prepare() error {
	if p.plan.HostHooks {
		if err := p.conn.AwaitHooks(); err != nil {
			return err
		}
	}
	if err := p.createContainer(); err != nil {
		return err
	}
	if p.plan.Terminal {
		if err := p.terminal(); err != nil {
			return err
		}
	}
	if i := p.plan.StartSocket; i != None {
		f, err := p.file(i)
		if err != nil {
			return err
		}
		if p.start, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return err
		}
	}
	for _, f := range p.files {
		f.Close()
	}
	if err := p.takeOn(); err != nil {
		return err
	}
	// No process in the jail may look into a process that still runs berth.
	if err := kernel.Shield(); err != nil {
		return err
	}
	if err := kernel.Attach(p.plan.JID, p.plan.Root); err != nil {
		return err
	}
	return p.become()
}

// createContainer runs the createContainer hooks, whose paths are on the host. As in runc, their
// working directory is the container's root. As in ocijail, they do not run in the jail.
func (p *inside) createContainer() error {
	if len(p.plan.CreateContainer) == 0 {
		return nil
	}
	if err := os.Chdir(p.plan.Root); err != nil {
		return err
	}
	err := hooks.Run(context.Background(), hooks.How{Env: []string{}}, "createContainer", p.plan.CreateContainer, p.state(specs.StateCreating))
	return errors.Join(err, os.Chdir("/"))
}

func (p *inside) state(status specs.ContainerState) specs.State {
	state := p.plan.State
	state.Status = status
	state.Pid = os.Getpid()
	return state
}

// terminal opens a new terminal, makes it stdio and the controlling terminal, and sends its master
// to the engine.
func (p *inside) terminal() error {
	socket, err := p.file(p.plan.ConsoleSocket)
	if err != nil {
		return err
	}
	master, slave, err := kernel.OpenTerminal()
	if err != nil {
		return fmt.Errorf("open a terminal: %w", err)
	}
	defer master.Close()
	defer slave.Close()
	if err := link.Resize(master, p.plan.Console); err != nil {
		return err
	}
	if err := link.SendTerminal(socket, master); err != nil {
		return err
	}
	return link.TakeTerminal(slave, true)
}

// launch runs the startContainer hooks and execs. It returns only if a hook or the exec fails.
func (p *inside) launch() error {
	if err := hooks.Run(context.Background(), hooks.How{Env: p.plan.Process.Environment()}, "startContainer", p.plan.StartContainer, p.state(specs.StateCreated)); err != nil {
		return err
	}
	return p.exec()
}
