package jailed

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// takeOn gives this process what it can have outside of the jail, in which root
// may not be allowed to (allow.nosuser): limits, stdio, groups, and the user but
// for the rights of root that it takes to enter the jail.
func (p *inside) takeOn() error {
	a := p.plan.Process
	unix.Umask(int(a.Umask))
	for _, l := range p.plan.Limits {
		if err := setLimit(l); err != nil {
			return spec.Fieldf("process.rlimits", "error setting %s to soft %d, hard %d: %w", l.Name, l.Soft, l.Hard, err)
		}
	}
	if err := ownStdio(int(a.UID)); err != nil {
		return err
	}
	// The first is what FreeBSD before 15 keeps the effective group in
	// (setgroups(2)).
	groups := []int{int(a.GID)}
	for _, g := range a.Groups {
		groups = append(groups, int(g))
	}
	if err := syscall.Setgroups(groups); err != nil {
		return spec.Fieldf("process.user.additionalGids", "unable to setup user: setgroups %v: %w", groups, err)
	}
	if err := syscall.Setgid(int(a.GID)); err != nil {
		return spec.Fieldf("process.user.gid", "unable to setup user: setgid %d: %w", a.GID, err)
	}
	if err := setresuid(int(a.UID), 0, int(a.UID)); err != nil {
		return spec.Fieldf("process.user.uid", "unable to setup user: setresuid %d: %w", a.UID, err)
	}
	return nil
}

// become makes this process, in its jail, the user, and finds its program.
func (p *inside) become() error {
	a := p.plan.Process
	if err := a.MakeCwd(); err != nil {
		return err
	}
	p.env = a.Environment()
	again, err := a.EnterCwd()
	if err != nil {
		return err
	}
	if err := setresuid(int(a.UID), int(a.UID), int(a.UID)); err != nil {
		return spec.Fieldf("process.user.uid", "unable to setup user: setuid %d: %w", a.UID, err)
	}
	// There is no descriptor of a directory by which it could be outside.
	if err := a.RetryCwd(again); err != nil {
		return err
	}
	if p.plan.NoNewPrivileges {
		if err := kernel.NoNewPrivileges(); err != nil {
			return err
		}
	}
	p.path, err = process.LookPath(a.Args[0], p.env)
	return err
}

// ownStdio gives stdin, stdout and stderr to the user, but for what is everybody's.
func ownStdio(uid int) error {
	for fd := range 3 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
		shared := st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Mode&0o777 == 0o666
		if int(st.Uid) == uid || shared {
			continue
		}
		err := unix.Fchown(fd, uid, -1)
		// A socket or pipe of FreeBSD has no owner to change, a file may be on
		// what is read-only.
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("give descriptor %d to the user: %w", fd, err)
		}
	}
	return nil
}

// exec turns the process into the user's program; it returns only with an error.
func (p *inside) exec() error {
	if err := kernel.CloseOnExec(3); err != nil {
		return err
	}
	for fd := 3; fd < 3+p.plan.Inherited; fd++ {
		if err := kernel.KeepOnExec(fd); err != nil {
			return err
		}
	}
	if err := kernel.ResetSignals(); err != nil {
		return err
	}
	for {
		if err := syscall.Exec(p.path, p.plan.Process.Args, p.env); !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "exec", Path: p.path, Err: err}
		}
	}
}
