package process

import (
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// firstExtra is the first descriptor after stdio.
const firstExtra = 3

// admin is the capability that loading a filter without no_new_privs and joining a pid namespace take.
const admin = 1 << unix.CAP_SYS_ADMIN

// Options are what the container's process knows and the host does not.
type Options struct {
	// Proc is a descriptor of the root of a proc filesystem of the container's pid namespace that nothing of the
	// container's could tamper with; -1 has Prepare open /proc, and check it.
	Proc int
	// Preserve is the number of descriptors from 3 on that the program inherits, LISTEN_FDS included.
	Preserve int
	// Keep are sockets or pipes that stay open until execve has succeeded.
	Keep []int
	// Fork says that the program will be a child of this process, made by Prepared.Fork, and not take its place. Limits
	// belong to processes, and are left to the child then; its scheduler is left to Schedule.
	Fork bool
	// Join says that the child will be born in ForkOptions.PIDs.
	Join bool
	// Stdio are the descriptors that will be the program's 0 to 2; those themselves if it is nil.
	Stdio []int
	// Listener hands on the descriptor of a seccomp filter with SCMP_ACT_NOTIFY. It is called on another thread,
	// which has no filter; the descriptor is gone once the program runs.
	Listener func(fd int) error
}

// Prepared is a thread that has become the container's user, and needs only Exec.
type Prepared struct {
	// Warnings name what was asked for and could not be granted, for the log.
	Warnings []error

	attributes *Attributes
	options    Options
	path       string
	env        []string
}

// Prepare sets all attributes of the calling thread but the seccomp filter, and finds the program. Namespaces, root and
// stdio have to be in place, the thread locked, and root in its user namespace. Whatever an image or a config.json can
// be wrong about at this point fails here. There is no way back: after an error the process has to end.
func (a *Attributes) Prepare(o Options) (*Prepared, error) {
	// The fewer signals the runtime sends to itself from here on, the fewer calls meet the filter.
	debug.SetGCPercent(-1)

	setgroups, err := a.prepareByProc(o.Proc)
	if err != nil {
		return nil, err
	}
	env := a.Environment()
	unix.Umask(int(a.Umask))
	if a.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("prctl(PR_SET_NO_NEW_PRIVS): %w", err)
		}
	}
	resetAffinity()
	if err := a.setSchedule(); err != nil {
		return nil, err
	}
	if !o.Fork {
		if err := a.setScheduler(0); err != nil {
			return nil, err
		}
		if err := a.setLimits(); err != nil {
			return nil, err
		}
	}
	var keep uint64
	if a.Seccomp != nil && !a.NoNewPrivileges || o.Join {
		keep = admin
	}
	warnings, err := a.become(setgroups, keep, o.Stdio)
	if err != nil {
		return nil, err
	}
	// The caller may have asked to die with its parent; the user's program has not.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("prctl(PR_SET_PDEATHSIG): %w", err)
	}
	path, err := LookPath(a.Args[0], env)
	if err != nil {
		return nil, err
	}
	return &Prepared{Warnings: warnings, attributes: a, options: o, path: path, env: env}, nil
}

// prepareByProc does what goes through the proc filesystem, while descriptors are to be had and the thread is root.
func (a *Attributes) prepareByProc(fd int) (setgroups bool, err error) {
	proc, err := openProc(fd)
	if err != nil {
		// A container may have no /proc. Nothing is lost as long as no label is asked for.
		if a.AppArmorProfile != "" || a.SELinuxLabel != "" {
			return false, fmt.Errorf("set the security label: %w", err)
		}
		return true, a.joinKeyring(nil)
	}
	defer proc.close()
	if err := a.joinKeyring(proc); err != nil {
		return false, err
	}
	if err := a.setLabels(proc); err != nil {
		return false, err
	}
	setgroups, err = setgroupsAllowed(proc)
	if err != nil {
		return false, fmt.Errorf("ask whether groups can be set: %w", err)
	}
	return setgroups, nil
}
