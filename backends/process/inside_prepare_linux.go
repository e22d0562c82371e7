package process

import (
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// firstExtra is the first descriptor after stdio.
const firstExtra = 3

// admin is the capability to load a filter without no_new_privs and to join a pid namespace.
const admin = 1 << unix.CAP_SYS_ADMIN

// Options are what the container's process knows and the host does not.
type Options struct {
	// Proc is a descriptor of the root of a proc filesystem of the container's pid namespace. No
	// process of the container can have tampered with it. If Proc is -1, Prepare opens /proc and
	// checks it.
	Proc int
	// Preserve is the number of descriptors from 3 on that the program inherits, including those of
	// LISTEN_FDS.
	Preserve int
	// Keep are sockets or pipes that stay open until execve has succeeded.
	Keep []int
	// Fork is true if the program runs in a child that Prepared.Fork starts, instead of in this
	// process. The child then sets the limits, which belong to processes, and the caller sets the
	// child's scheduler by Schedule.
	Fork bool
	// Join is true if Fork gets ForkOptions.PIDs.
	Join bool
	// Stdio are the descriptors that become the program's 0 to 2. nil means descriptors 0 to 2
	// themselves.
	Stdio []int
	// Listener passes on the descriptor of a seccomp filter with SCMP_ACT_NOTIFY. It is called on
	// another thread, which has no filter. The descriptor is closed when the program runs.
	Listener func(fd int) error
}

// Prepared is a thread that runs as the container's user. Only Exec or Fork is missing.
type Prepared struct {
	// Warnings name what the spec asked for and could not be granted, for the log.
	Warnings []error

	attributes *Attributes
	options    Options
	path       string
	env        []string
}

// Prepare sets all attributes of the calling thread except the seccomp filter, and finds the
// program. The namespaces, the root and stdio must be in place, the thread must be locked, and it
// must run as root in its user namespace. Every error that an image or config.json can cause at
// this point occurs here. After an error the process must exit, because the steps cannot be undone.
func (a *Attributes) Prepare(o Options) (*Prepared, error) {
	// The fewer signals the runtime sends to itself from here on, the fewer calls the filter sees.
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
	// The caller may have set a parent death signal for itself. The program must not inherit it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("prctl(PR_SET_PDEATHSIG): %w", err)
	}
	path, err := LookPath(a.Args[0], env)
	if err != nil {
		return nil, err
	}
	return &Prepared{Warnings: warnings, attributes: a, options: o, path: path, env: env}, nil
}

// prepareByProc sets what goes through the proc filesystem, while the thread is root and can still
// open descriptors.
func (a *Attributes) prepareByProc(fd int) (setgroups bool, err error) {
	proc, err := openProc(fd)
	if err != nil {
		// A container may have no /proc. That matters only for a security label.
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
		return false, fmt.Errorf("check whether groups can be set: %w", err)
	}
	return setgroups, nil
}
