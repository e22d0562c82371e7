package runtime

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
)

const (
	// notifyVar names systemd's socket for a service that reports when it is ready (sd_notify(3)).
	notifyVar = "NOTIFY_SOCKET"
	// notifyDir is a directory in a container's state directory, and notifyAt is its path inside
	// the container. berth mounts the directory, not the socket, because each start makes a new
	// socket.
	notifyDir    = "notify"
	notifyAt     = "/run/notify"
	notifySocket = "notify.sock"
)

// offerNotify gives a container that is created under a service manager a notify socket of its own,
// as runc does. It does not mount the manager's socket, because that accepts more than the message
// that the service is ready.
func offerNotify(c *backends.Container, s *specs.Spec) error {
	if os.Getenv(notifyVar) == "" || s.Process == nil {
		return nil
	}
	dir := filepath.Join(c.Dir, notifyDir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make a directory for %s: %w", notifyVar, err)
	}
	s.Mounts = append(slices.Clip(s.Mounts), specs.Mount{
		Destination: notifyAt, Type: "bind", Source: dir, Options: []string{"bind", "nosuid", "noexec", "nodev", "ro"},
	})
	s.Process.Env = append(slices.Clip(s.Process.Env), notifyVar+"="+notifyAt+"/"+notifySocket)
	return nil
}

// notifier tells the service manager that a container is ready.
type notifier struct {
	conn *net.UnixConn
	host string
}

// listenNotify makes the container's socket before the container starts. It returns nil if there is
// no service manager, or if create made no directory for the socket.
func listenNotify(c *backends.Container) (*notifier, error) {
	host := os.Getenv(notifyVar)
	dir, err := os.Open(filepath.Join(c.Dir, notifyDir))
	if host == "" || err != nil {
		return nil, nil
	}
	defer dir.Close()
	path := filepath.Join(dir.Name(), notifySocket)
	_ = os.Remove(path) // left by a start that failed
	address := path
	if len(address) > maxSocketPath {
		address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), notifySocket)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err == nil {
		err = os.Chmod(path, 0o777) // the container's user may be any
	}
	if err != nil {
		return nil, fmt.Errorf("make a socket for %s: %w", notifyVar, err)
	}
	return &notifier{conn: conn, host: host}, nil
}

// maxSocketPath is the longest path that fits into a socket address on every platform (unix(7),
// unix(4)).
const maxSocketPath = 103

func (n *notifier) close() {
	if n != nil {
		n.conn.Close()
	}
}

// forward waits until the container says that it is ready, and then tells the service manager so,
// with the pid of the container's first process. If the container ends first, forward sends
// nothing.
func (n *notifier) forward(p backends.Process) {
	if n == nil {
		return
	}
	message := make([]byte, 4096)
	for {
		_ = n.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		size, err := n.conn.Read(message)
		if err == nil && isReady(message[:size]) {
			break
		}
		if err != nil && (!os.IsTimeout(err) || !p.Alive()) {
			return
		}
	}
	if err := n.tell(p.Pid); err != nil {
		logrus.Warnf("tell the service manager on %s that the container is ready: %v", notifyVar, err)
	}
}

func isReady(message []byte) bool {
	return slices.ContainsFunc(bytes.Split(message, []byte("\n")), func(line []byte) bool { return string(line) == "READY=1" })
}

// tell sends the message, and waits until the manager has read it, because the manager then looks
// up the process that sent it.
func (n *notifier) tell(pid int) error {
	const patience = 5 * time.Second
	_ = n.conn.SetWriteDeadline(time.Now().Add(patience))
	host := &net.UnixAddr{Name: n.host, Net: "unixgram"}
	if _, err := n.conn.WriteToUnix(fmt.Appendf(nil, "READY=1\nMAINPID=%d", pid), host); err != nil {
		return err
	}
	// The manager closes this end of the pipe when it gets to this message.
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	_, _, err = n.conn.WriteMsgUnix([]byte("BARRIER=1"), syscall.UnixRights(int(write.Fd())), host)
	write.Close()
	if err != nil {
		return err
	}
	_ = read.SetReadDeadline(time.Now().Add(patience))
	_, _ = read.Read(make([]byte, 1))
	return nil
}
