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
	// notifyVar names systemd's socket for a service that tells when it is
	// ready (sd_notify(3)).
	notifyVar = "NOTIFY_SOCKET"
	// notifyDir is in a container's state directory, notifyAt where the
	// container sees it. A directory, for the socket is made anew by each start.
	notifyDir    = "notify"
	notifyAt     = "/run/notify"
	notifySocket = "notify.sock"
)

// offerNotify gives a container that is created under a service manager a
// socket of its own, as runc does: the manager's is not mounted, for what may be
// said there is more than that the service is ready.
func offerNotify(c *backends.Container, s *specs.Spec) error {
	if os.Getenv(notifyVar) == "" || s.Process == nil {
		return nil
	}
	dir := filepath.Join(c.Dir, notifyDir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("directory for %s: %w", notifyVar, err)
	}
	s.Mounts = append(slices.Clip(s.Mounts), specs.Mount{
		Destination: notifyAt, Type: "bind", Source: dir, Options: []string{"bind", "nosuid", "noexec", "nodev", "ro"},
	})
	s.Process.Env = append(slices.Clip(s.Process.Env), notifyVar+"="+notifyAt+"/"+notifySocket)
	return nil
}

// notifier passes on that a container is ready.
type notifier struct {
	conn *net.UnixConn
	host string
}

// listenNotify makes the container's socket before the container starts. Without
// a service manager, or a directory from create, it is nil.
func listenNotify(c *backends.Container) (*notifier, error) {
	host := os.Getenv(notifyVar)
	dir, err := os.Open(filepath.Join(c.Dir, notifyDir))
	if host == "" || err != nil {
		return nil, nil
	}
	defer dir.Close()
	path := filepath.Join(dir.Name(), notifySocket)
	_ = os.Remove(path) // of a start that failed
	address := path
	if len(address) > maxSocketPath {
		address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), notifySocket)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err == nil {
		err = os.Chmod(path, 0o777) // whatever the container's user is
	}
	if err != nil {
		return nil, fmt.Errorf("socket for %s: %w", notifyVar, err)
	}
	return &notifier{conn: conn, host: host}, nil
}

// maxSocketPath is what fits into a socket's address anywhere (unix(7), unix(4)).
const maxSocketPath = 103

func (n *notifier) close() {
	if n != nil {
		n.conn.Close()
	}
}

// forward waits until the container says that it is ready, or has ended, and
// tells the service manager, with the pid of the container's first process.
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
		logrus.Warnf("%s: %v", notifyVar, err)
	}
}

func isReady(message []byte) bool {
	return slices.ContainsFunc(bytes.Split(message, []byte("\n")), func(line []byte) bool { return string(line) == "READY=1" })
}

// tell waits for the manager to have read the message, for it asks whose it is.
func (n *notifier) tell(pid int) error {
	const patience = 5 * time.Second
	_ = n.conn.SetWriteDeadline(time.Now().Add(patience))
	host := &net.UnixAddr{Name: n.host, Net: "unixgram"}
	if _, err := n.conn.WriteToUnix(fmt.Appendf(nil, "READY=1\nMAINPID=%d", pid), host); err != nil {
		return err
	}
	// The end of a pipe that the manager closes when it has come to this.
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
