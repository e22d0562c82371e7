package suite

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// CopyTree copies a file or a directory with all that it contains.
func CopyTree(t *testing.T, from, to string) {
	t.Helper()
	Output(t, "cp", "-a", from, to)
}

// ChownTree gives a directory and all that it contains to a user and the group of the same ID.
func ChownTree(t *testing.T, dir string, id int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, id, id))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// WriteJSON writes a value to a file, such as config.json, and returns the file's path.
func WriteJSON(t *testing.T, path string, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Share gives the container a namespace by its path, or the host's if path is "".
func Share(kind specs.LinuxNamespaceType, path string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind })
		if path != "" {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
		}
	}
}

// FirstID is the host ID of the root user in the user namespaces of [InUserNamespace].
const FirstID = 100000

// InUserNamespace maps the container's IDs to host IDs from [FirstID] on.
func InUserNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: FirstID, Size: 65536}}
	s.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: FirstID, Size: 65536}}
}

// Socket receives descriptors as an engine does: terminals and pidfds.
type Socket struct {
	Path     string
	listener *net.UnixListener
}

// Listen makes a socket. It is closed when the test ends.
func Listen(t *testing.T) *Socket {
	t.Helper()
	place, err := os.MkdirTemp(dir, "socket")
	if err != nil {
		t.Fatal(err)
	}
	s := &Socket{Path: filepath.Join(place, "s")}
	if s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: s.Path, Net: "unix"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listener.Close(); os.RemoveAll(place) })
	return s
}

// Receive waits for one connection with exactly one descriptor. It returns the descriptor, which is
// closed when the test ends, and the text sent with it.
func (s *Socket) Receive(t *testing.T) (f *os.File, text string) {
	t.Helper()
	if err := s.listener.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	conn, err := s.listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	data, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*4))
	n, oobn, _, _, err := conn.ReadMsgUnix(data, oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d control messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%d descriptors, %v", len(fds), err)
	}
	f = os.NewFile(uintptr(fds[0]), "received")
	t.Cleanup(func() { f.Close() })
	return f, string(data[:n])
}
