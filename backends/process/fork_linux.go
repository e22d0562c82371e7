package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// ForkOptions say what the child of Fork is beside its attributes.
type ForkOptions struct {
	// Stdio become the child's descriptors 0 to 2.
	Stdio [3]int
	// Terminal makes Stdio[0] its controlling terminal.
	Terminal bool
	// Sibling makes it the child of the caller's parent (CLONE_PARENT of clone(2)).
	Sibling bool
	// Gate is one end of a pair of stream sockets, above the preserved descriptors. The child reads a byte from it before
	// it goes on, so that it can be moved to its cgroup; closes it by its execve; and should that or anything
	// before it fail, writes what [Failure] reads.
	SyncSocket int
	// Board is for a filter with SCMP_ACT_NOTIFY, and for PIDs.
	SharedPage *SharedPage
	// PIDs is a descriptor of a pid namespace that the program's process is to be born in; 0 for the caller's. It wants
	// Options.Join.
	PIDs int
	// AtOnce has it born there before the byte at the gate is read, which it waits for itself.
	AtOnce bool
	// Hold has it wait for another byte at the gate before the program runs.
	Hold bool
}

// Fork makes the user's program a child, by a copy of the calling thread that runs not one line of berth's but the few
// system calls between clone and execve. It has to be called on the thread that called Prepare, with Options.Fork. The
// child is in a session of its own, and waits at the gate.
//
// With ForkOptions.PIDs there are two processes one after the other. Those in the pid namespace may have the right to
// trace whatever they see there (ptrace(2)), and so see nothing that has more than they. The one that Fork returns stays
// outside, where it can be put into its cgroup and be given limits. Past the gate it takes off the last of its rights,
// and loads the filter if that lets it (loadsEarly); then it bears the program's process, as its sibling, and ends.
// Board.Child is that one's pid.
//
// The thread is of no more use afterwards, for it is the container's user now; the process is.
func (p *Prepared) Fork(o ForkOptions) (pid int, err error) {
	if o.SyncSocket < firstExtra+p.options.Preserve {
		return -1, fmt.Errorf("descriptor %d is both the gate and to be preserved", o.SyncSocket)
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
			return -1, errors.New("a process to be born in a pid namespace wants Options.Join and a board")
		}
		if err := c.join(p.attributes, o.SharedPage); err != nil {
			return -1, err
		}
	}
	return c.start(o.Stdio)
}

// Spawn starts another program than the container's as a child in this process's session, with the container's
// attributes and filter: a hook. It gets stdio as its descriptors 0 to 2 and no other. Of a filter that makes a listener
// it gets [seccomp.Filter.Deaf]. Spawn has to be called on the thread that called Prepare; it returns when the
// program runs.
func (p *Prepared) Spawn(path string, args, env []string, stdio [3]int) (pid int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socketpair: %w", err)
	}
	syncSocket := os.NewFile(uintptr(pair[0]), "gate")
	defer syncSocket.Close()
	inner := pair[1]
	defer func() { unix.Close(inner) }()
	if inner < firstExtra {
		return -1, fmt.Errorf("descriptor %d is a standard one, and free", inner)
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
		c.limits = nil // they are this process's already
	}
	if _, err := syncSocket.Write([]byte{1}); err != nil {
		return -1, fmt.Errorf("let the process run: %w", err)
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

// start forks, with stdio in their places.
func (c *forkedChild) start(stdio [3]int) (pid int, err error) {
	for i, fd := range stdio {
		if fd != i {
			// Out of the way of the ones that it goes to.
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
	// Until the child has reset them, Go's handlers must not run in it.
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

// take puts what execve and seccomp take into the form that the kernel wants.
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
			return spec.Fieldf("linux.seccomp", "SCMP_ACT_NOTIFY is used, but there is nobody to send the listener to")
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

// join finds out how the process that goes before the child is to do its part.
func (c *forkedChild) join(a *Attributes, sharedPage *SharedPage) (err error) {
	c.child = sharedPage.word(wordChild)
	c.early = c.loadsEarly(a.Seccomp)
	c.drops = c.early || a.Seccomp == nil || a.NoNewPrivileges
	c.capHeader, c.capData, err = a.finalCaps()
	return err
}

// Path is the program that Prepare has found.
func (p *Prepared) Path() string { return p.path }

// Failure is the error of a child of Fork from what it wrote to its gate; nil for nothing, when it has become the
// program (or was killed). path is Prepared.Path.
func (a *Attributes) Failure(report []byte, path string) error {
	if len(report) == 0 {
		return nil
	}
	if len(report) != reportSize {
		return errors.New("the process has sent a damaged report")
	}
	step, errno := binary.NativeEndian.Uint32(report), syscall.Errno(binary.NativeEndian.Uint32(report[4:]))
	if step == stepExec {
		return &os.PathError{Op: "exec", Path: path, Err: errno}
	}
	if limits := a.childLimits(); step >= stepLimits && step-stepLimits < uint32(len(limits)) {
		return limitError(limits[step-stepLimits], errno)
	}
	if int(step) >= len(stepNames) {
		return fmt.Errorf("the process has sent a damaged report: %w", errno)
	}
	return fmt.Errorf("%s: %w", stepNames[step], errno)
}

// The steps of the child, for its report.
const (
	stepSession = iota
	stepStdio
	stepTerminal
	stepSync
	stepDescriptors
	stepSignals
	stepSeccomp
	stepExec
	stepJoin
	stepCaps
	stepBear
	stepLimits = 1 << 8 // and the place of the limit in childLimits
)

var stepNames = []string{
	"setsid", "set up stdio", "make the terminal the controlling one", "wait at the gate", "close and preserve descriptors",
	"reset signals", "load the seccomp filter", "exec",
	"join the pid namespace (one that the container's user namespace owns, or an inner one): setns",
	"give up CAP_SYS_ADMIN: capset", "fork",
}

// reportSize is that of step and error number.
const reportSize = 8
