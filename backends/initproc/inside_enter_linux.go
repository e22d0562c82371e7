package initproc

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// joinEnclosure joins the enclosure's namespaces. It also brings up the loopback interface and sets
// the hostname and domainname there.
func (s *initProcess) joinEnclosure() error {
	// A thread that shares its root and working directory with others cannot change its mount
	// namespace (setns(2)).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare(CLONE_FS): %w", err)
	}
	if err := join(s.file(s.plan.Member), s.plan.Namespaces, s.fileOrNil(s.plan.MountNamespace)); err != nil {
		return err
	}
	if s.plan.Loopback {
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("bring up the loopback interface: %w", err)
		}
	}
	if n := s.plan.Hostname; n != "" {
		if err := unix.Sethostname([]byte(n)); err != nil {
			return spec.Fieldf("hostname", "set to %q: %w", n, err)
		}
	}
	if n := s.plan.Domainname; n != "" {
		if err := unix.Setdomainname([]byte(n)); err != nil {
			return spec.Fieldf("domainname", "set to %q: %w", n, err)
		}
	}
	return nil
}

// join enters namespaces of member, a pidfd of a container process. flags are their CLONE_NEW*
// bits. If mounts is not nil, it is a mount namespace that join enters instead of the member's.
func join(member *os.File, flags int, mounts *os.File) error {
	if flags != 0 {
		if err := unix.Setns(int(member.Fd()), flags); err != nil {
			return fmt.Errorf("enter the container's namespaces (%#x): setns: %w", flags, err)
		}
	}
	if mounts != nil {
		if err := unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter the mount namespace %s: setns: %w", mounts.Name(), err)
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
