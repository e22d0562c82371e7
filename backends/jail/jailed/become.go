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

// takeOn applies what can be applied outside the jail: umask, limits, the owner of stdio, groups
// and user. Inside the jail, root may lack the rights for this (allow.nosuser). The effective user
// stays root because entering the jail requires it.
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
	// FreeBSD before 15 keeps the effective group in the first one (setgroups(2)).
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

// become changes to the user inside the jail and finds the user's program.
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
	// No directory descriptor is open that could put the working directory outside the jail.
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

// ownStdio makes the user the owner of stdin, stdout and stderr, except for devices that everybody
// can read and write.
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
		// On FreeBSD the owner of a socket or pipe cannot be changed, and a file may be on a
		// read-only file system.
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("change the owner of descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// exec execs the user's program. It returns only with an error.
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
