package initproc

import (
	"context"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// build builds the root in runc's order, pivots into it, and prepares the process there. launch
// runs the user's program. pid is the process that will run it, or 0 if the init process does so
// itself.
func (s *initProcess) build() (launch func() error, pid int, err error) {
	if s.plan.HostTree != None {
		if err := s.showHost(); err != nil {
			return nil, 0, err
		}
	}
	root, err := rootfs.Attach(s.plan.Root, s.files[:s.plan.RootFiles], s.plan.At)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	if s.plan.PIDNamespace != None {
		root.ProcOf(s.file(s.plan.PIDNamespace))
	}
	if err := s.make(root); err != nil {
		return nil, 0, err
	}
	if s.plan.PIDNamespace != None {
		return s.fork(root)
	}
	if s.prepared, err = s.prepare(root); err != nil {
		return nil, 0, err
	}
	return s.prepared.Exec, 0, nil
}

func (s *initProcess) make(root *rootfs.Root) error {
	if err := root.Mount(); err != nil {
		return err
	}
	if err := root.Devices(); err != nil {
		return err
	}
	if err := s.hooks(root); err != nil {
		return err
	}
	if err := root.Pivot(); err != nil {
		return err
	}
	if s.plan.Terminal {
		if err := s.terminal(root); err != nil {
			return err
		}
	}
	return root.Finish()
}

// hooks lets create run the hooks of the runtime namespace, and then runs the createContainer
// hooks: they run in the container's namespaces, but their paths are still the host's. As in runc,
// their working directory is the container's root and their environment is empty.
func (s *initProcess) hooks(root *rootfs.Root) error {
	if s.plan.HostHooks {
		if err := s.conn.AwaitHooks(); err != nil {
			return err
		}
	}
	if len(s.plan.CreateContainer) == 0 {
		return nil
	}
	if err := unix.Fchdir(root.Dir()); err != nil {
		return fmt.Errorf("fchdir to the root: %w", err)
	}
	return hooks.Run(context.Background(), hooks.How{Env: []string{}}, "createContainer", s.plan.CreateContainer, s.state(specs.StateCreating))
}

func (s *initProcess) state(status specs.ContainerState) specs.State {
	state := s.plan.State
	state.Status = status
	state.Pid = os.Getpid()
	return state
}

// terminal opens a terminal in the container's devpts, makes it stdio, and sends its master to the
// engine.
func (s *initProcess) terminal(root *rootfs.Root) error {
	master, slave, err := root.OpenPty()
	if err != nil {
		return err
	}
	defer master.Close()
	defer slave.Close()
	if err := link.Resize(master, s.plan.Console); err != nil {
		return err
	}
	if err := root.Console(slave); err != nil {
		return err
	}
	socket := s.file(s.plan.ConsoleSocket)
	if err := link.SendTerminal(socket, master); err != nil {
		return err
	}
	// A forked process makes it its controlling terminal itself.
	return link.TakeTerminal(slave, s.plan.PIDNamespace == None)
}

// prepare sets the attributes of the process, except what start does.
func (s *initProcess) prepare(root *rootfs.Root) (*process.Prepared, error) {
	if err := s.keepStart(); err != nil {
		return nil, err
	}
	return s.plan.Process.Prepare(process.Options{Proc: root.Proc(), Preserve: s.plan.Inherited, Keep: []int{s.start}, Listener: s.handListener})
}

// needFiles fails if the limit of open files is too low for start, which could not report it: the
// connection needs a descriptor and then the listening socket's number (link.Serve), and hooks need
// pipes.
func (s *initProcess) needFiles() error {
	need := 2
	if len(s.plan.StartContainer) > 0 {
		need += 10
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && uint64(s.start) >= limit.Cur {
		return spec.Fieldf("process.rlimits", "RLIMIT_NOFILE is too low for start: %w", unix.EMFILE)
	}
	for range need {
		fd, err := unix.FcntlInt(uintptr(s.start), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return spec.Fieldf("process.rlimits", "RLIMIT_NOFILE is too low for start: %w", err)
		}
		defer unix.Close(fd)
	}
	return nil
}

// handListener passes the listener of the seccomp filter to start.
func (s *initProcess) handListener(fd int) error { return link.HandListener(s.start, fd) }

// keepStart duplicates the listening socket and closes the files of the plan.
func (s *initProcess) keepStart() (err error) {
	if s.start, err = unix.FcntlInt(s.file(s.plan.StartSocket).Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return err
	}
	for _, f := range s.files[s.plan.RootFiles:] {
		f.Close()
	}
	return nil
}
