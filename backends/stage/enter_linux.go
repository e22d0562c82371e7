package stage

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// enter joins the enclosure's namespaces and sets what belongs to them.
func (s *stage) enter() error {
	// A thread that shares its root and cwd with others cannot change its
	// mount namespace (setns(2)).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare(CLONE_FS): %w", err)
	}
	for _, j := range s.plan.Join {
		if err := unix.Setns(int(s.file(j.File).Fd()), j.Flags); err != nil {
			return fmt.Errorf("enter the enclosure's namespaces (%#x): setns: %w", j.Flags, err)
		}
	}
	if s.plan.Loopback {
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("bring up the loopback interface: %w", err)
		}
	}
	if n := s.plan.Hostname; n != "" {
		if err := unix.Sethostname([]byte(n)); err != nil {
			return fmt.Errorf("hostname: set to %q: %w", n, err)
		}
	}
	if n := s.plan.Domainname; n != "" {
		if err := unix.Setdomainname([]byte(n)); err != nil {
			return fmt.Errorf("domainname: set to %q: %w", n, err)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo); err != nil {
		return err
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
