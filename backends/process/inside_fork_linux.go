package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// ForkOptions say how Fork starts the child, beside its attributes.
type ForkOptions struct {
	// Stdio become the child's descriptors 0 to 2.
	Stdio [3]int
	// Terminal makes Stdio[0] the child's controlling terminal.
	Terminal bool
	// Sibling makes the child a sibling of the caller (CLONE_PARENT of clone(2)).
	Sibling bool
	// SyncSocket is one end of a pair of stream sockets, above the preserved descriptors. The child
	// reads a byte from it before it continues, so that the caller can first move it to its cgroup.
	// execve closes it. If execve or an earlier step fails, the child writes a report to it for
	// [Attributes.Failure].
	SyncSocket int
	// SharedPage is needed for a filter with SCMP_ACT_NOTIFY, and for PIDs.
	SharedPage *SharedPage
	// PIDs is a descriptor of the pid namespace in which the program's process is forked, or 0 for
	// the caller's. It requires Options.Join.
	PIDs int
	// AtOnce forks the program's process into PIDs before the byte on the sync socket is read. That
	// process then reads the byte itself.
	AtOnce bool
	// Hold makes the program's process read one more byte from the sync socket before it runs the
	// program.
	Hold bool
}

// Fork runs the user's program in a child. The child is a copy of the calling thread and runs no
// berth code except the few system calls between clone and execve. Fork must be called on the
// thread that called Prepare with Options.Fork. The child has its own session and waits on the sync
// socket.
//
// With ForkOptions.PIDs, Fork uses two processes, one after the other. Processes in that pid
// namespace may be allowed to trace everything they see there (ptrace(2)), so no process may enter
// it that has more rights than they have. Fork returns the pid of an intermediate process, which
// stays outside, where the caller can put it into its cgroup and raise its limits. When it has read
// the byte from the sync socket (without reading it if AtOnce is set), the intermediate process
// loads the filter if the filter permits the calls that follow (loadsEarly), drops CAP_SYS_ADMIN,
// forks the program's process as its sibling, and exits. If the filter does not permit those calls,
// the program's process loads it, and has CAP_SYS_ADMIN until execve unless noNewPrivileges is set.
// SharedPage.Child returns the pid of the program's process.
//
// The thread cannot be used afterwards, because it runs as the container's user. The process can.
func (p *Prepared) Fork(o ForkOptions) (pid int, err error) {
	if o.SyncSocket < firstExtra+p.options.Preserve {
		return -1, fmt.Errorf("descriptor %d cannot be both the sync socket and a preserved descriptor", o.SyncSocket)
	}
	c := &forkedChild{flags: uintptr(unix.SIGCHLD), syncSocket: uintptr(o.SyncSocket), terminal: o.Terminal, preserve: uintptr(p.options.Preserve),
		pids: uintptr(o.PIDs), atOnce: o.AtOnce, hold: o.Hold}
	if o.Sibling {
		c.flags |= unix.CLONE_PARENT
	}
	if err := c.take(p.attributes, p.path, p.env, o.SharedPage); err != nil {
		return -1, err
	}
	if c.pids != 0 {
		if !p.options.Join || o.SharedPage == nil {
			return -1, errors.New("a fork into a pid namespace needs Options.Join and a shared page")
		}
		if err := c.join(p.attributes, o.SharedPage); err != nil {
			return -1, err
		}
	}
	return c.start(o.Stdio)
}

// Spawn starts a hook: a program other than the container's, as a child in this process's session,
// with the container's attributes and filter. It gets stdio as its descriptors 0 to 2 and no
// others. If the filter has a listener, the hook gets [seccomp.Filter.WithoutNotify] instead. Spawn
// must be called on the thread that called Prepare. It returns when the program runs.
func (p *Prepared) Spawn(path string, args, env []string, stdio [3]int) (pid int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socketpair: %w", err)
	}
	syncSocket := os.NewFile(uintptr(pair[0]), "sync socket")
	defer syncSocket.Close()
	inner := pair[1]
	defer func() { unix.Close(inner) }()
	if inner < firstExtra {
		return -1, fmt.Errorf("the sync socket has descriptor %d: a standard descriptor is closed", inner)
	}
	a := *p.attributes
	a.Args = args
	if a.Seccomp != nil {
		a.Seccomp = a.Seccomp.WithoutNotify()
	}
	c := &forkedChild{flags: uintptr(unix.SIGCHLD), syncSocket: uintptr(inner), inSession: true}
	if err := c.take(&a, path, env, nil); err != nil {
		return -1, err
	}
	if !p.options.Fork {
		c.limits = nil // this process has them already
	}
	if _, err := syncSocket.Write([]byte{1}); err != nil {
		return -1, fmt.Errorf("release the process: %w", err)
	}
	if pid, err = c.start(stdio); err != nil {
		return -1, err
	}
	unix.Close(inner)
	inner = -1
	report, err := io.ReadAll(syncSocket)
	if err == nil {
		err = a.Failure(report, path)
	}
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		for {
			if _, werr := unix.Wait4(pid, nil, 0, nil); !errors.Is(werr, unix.EINTR) {
				return -1, err
			}
		}
	}
	return pid, nil
}

// start forks, with stdio as the child's descriptors 0 to 2.
func (c *forkedChild) start(stdio [3]int) (pid int, err error) {
	for i, fd := range stdio {
		if fd != i {
			// Move it out of the way of the descriptors 0 to 2 and the preserved ones.
			if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstExtra+int(c.preserve)); err != nil {
				return -1, fmt.Errorf("duplicate descriptor %d: %w", stdio[i], err)
			}
			defer unix.Close(fd)
		}
		c.stdio[i] = uintptr(fd)
	}
	var all, own unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	// Go's signal handlers must not run in the child before it resets them.
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &own); err != nil {
		return -1, fmt.Errorf("block signals: %w", err)
	}
	r, errno := c.fork()
	err = unix.PthreadSigmask(unix.SIG_SETMASK, &own, nil)
	runtime.KeepAlive(c)
	if errno != 0 {
		return -1, fmt.Errorf("fork: %w", errno)
	}
	return int(r), err
}

// take converts the arguments of execve and seccomp to the form that the kernel takes.
func (c *forkedChild) take(a *Attributes, path string, env []string, sharedPage *SharedPage) (err error) {
	if c.path, err = unix.BytePtrFromString(path); err != nil {
		return &spec.FieldError{Path: "process.args[0]", Err: err}
	}
	if c.argv, err = syscall.SlicePtrFromStrings(a.Args); err != nil {
		return &spec.FieldError{Path: "process.args", Err: err}
	}
	c.limits = limitsOf(a)
	if c.envv, err = syscall.SlicePtrFromStrings(env); err != nil {
		return &spec.FieldError{Path: "process.env", Err: err}
	}
	if a.Seccomp == nil {
		return nil
	}
	c.filter, err = a.Seccomp.Prog()
	c.filterFlags = uintptr(a.Seccomp.Flags)
	if a.Seccomp.Listener {
		if sharedPage == nil {
			return spec.Fieldf("linux.seccomp", "SCMP_ACT_NOTIFY is used, but nothing receives the listener")
		}
		c.filterFlags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		c.listener, c.taken, c.released = sharedPage.word(wordListener), sharedPage.word(wordTaken), sharedPage.word(wordReleased)
	}
	return err
}

func limitsOf(a *Attributes) (limits []rlimit) {
	for _, l := range a.childLimits() {
		limits = append(limits, rlimit{resource: uintptr(l.Resource), values: [2]uint64{l.Soft, l.Hard}})
	}
	return limits
}

// Path is the path of the program that Prepare found.
func (p *Prepared) Path() string { return p.path }
