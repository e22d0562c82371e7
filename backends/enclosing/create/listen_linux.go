package create

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/stubinit"
)

// listener waits for the stub init's call.
type listener struct{ fd int }

// listen puts the stub init and its socket into a directory that only root and the container's
// mapped root group can enter.
func listen(j *enclosure.Job) (*listener, error) {
	mappedRoot, _ := namespace.HostID(0, j.GIDMap)
	gid := int(mappedRoot)
	if err := passable(j); err != nil {
		return nil, err
	}
	dir := j.StubInitDir()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("install the stub init: %w", err)
	}
	if err := stubinit.Install(dir+"/"+enclosure.StubInitFile, gid); err != nil {
		return nil, err
	}
	fd, err := link.Bind(unix.SOCK_SEQPACKET, dir, enclosure.StubInitSocket, 0o660, gid)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chown(dir, 0, gid), os.Chmod(dir, 0o710)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("install the stub init: %w", err)
	}
	return &listener{fd}, nil
}

// caller is a stub init that has called.
type caller struct {
	process backends.Process
	pidfd   *os.File
	conn    int
	// bounding is the bounding set that the stub init was told to keep.
	bounding uint64
}

// accept waits for the stub init's call. It returns errGivenUp when stop becomes readable, and
// errInitGone when the connection to the init process does. The init process has nothing to say at
// this point, so its connection is readable only because it has ended. accept does not wait for the
// end of the process itself: in a pid namespace of its own, that comes only after the end of LXC's
// init, and so after LXC's.
func (l *listener) accept(stop, conn, initPid int) (*caller, error) {
	for {
		fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}, {Fd: int32(conn), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, err
		}
		if fds[1].Revents != 0 {
			return nil, errGivenUp
		}
		if fds[2].Revents != 0 {
			return nil, errInitGone
		}
		if fds[0].Revents == 0 {
			continue
		}
		call, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
		if err != nil {
			return nil, err
		}
		c, err := identify(call, initPid)
		if err != nil {
			unix.Close(call)
			return nil, err
		}
		return c, nil
	}
}

var (
	errGivenUp  = errors.New("create no longer waits for the enclosure")
	errInitGone = errors.New("the container's process ended before its enclosure had started")
	errStranger = errors.New("a process outside the container's pid namespace connected as its stub init")
)

// identify opens a pidfd of the process at the other end of conn. The process must be in the pid
// namespace of the init process, or the error is errStranger.
func identify(conn, initPid int) (*caller, error) {
	cred, err := unix.GetsockoptUcred(conn, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, err
	}
	pidfd, err := unix.PidfdOpen(int(cred.Pid), 0)
	if err != nil {
		return nil, fmt.Errorf("the stub init has exited: %w", err)
	}
	c := &caller{pidfd: os.NewFile(uintptr(pidfd), "stub init"), conn: conn}
	c.process, err = backends.FindProcess(int(cred.Pid))
	if err == nil && !samePidNamespace(int(cred.Pid), initPid) {
		err = errStranger
	}
	if err != nil {
		c.pidfd.Close()
		return nil, err
	}
	return c, nil
}

func samePidNamespace(a, b int) bool {
	x, err1 := os.Stat(fmt.Sprintf("/proc/%d/ns/pid", a))
	y, err2 := os.Stat(fmt.Sprintf("/proc/%d/ns/pid", b))
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func (c *caller) close() {
	unix.Close(c.conn)
	c.pidfd.Close()
}
