//go:build linux && testhost

package operate

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// listener receives one descriptor, as an engine does.
type listener struct{ *net.UnixListener }

func listen(t *testing.T, path string) listener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return listener{l}
}

func (l listener) receive(t *testing.T) *os.File {
	t.Helper()
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 256), oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%d descriptors, %v", len(fds), err)
	}
	return os.NewFile(uintptr(fds[0]), "received")
}

// TestTerminal checks that exec makes a terminal in the container, with the size in process.json,
// and sends its master to the engine.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){
		"plain": nil, "user namespace": {inUserNamespace}, "host's processes": {withHostPIDs}, "another user": {particular},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, edits...)
			l := listen(t, b.path("console.sock"))
			p := &specs.Process{
				Terminal: true, ConsoleSize: &specs.Box{Height: 31, Width: 97}, Cwd: "/", Env: []string{"PATH=/bin"},
				User: specs.User{UID: 12, GID: 13},
				Args: []string{"sh", "-c", "tty; stty size; busybox stat -c %u $(tty); read line </dev/tty; echo got $line; exit 9"},
			}
			b.expect("exec", "--process="+b.writeJSON("process.json", p), "--console-socket="+b.path("console.sock"),
				"--detach", "--pid-file="+b.path("exec.pid"), b.id)
			master := l.receive(t)
			defer master.Close()
			if _, err := master.WriteString("typed\n"); err != nil {
				t.Fatal(err)
			}
			status := reap(t, b.readPid("exec.pid"))
			// After the end of the other side a read fails with EIO.
			out, _ := io.ReadAll(master)
			text := strings.ReplaceAll(strings.ReplaceAll(string(out), "\r", ""), "typed\n", "")
			if text != "/dev/pts/0\n31 97\n12\ngot typed\n" && text != "/dev/pts/0\n31 97\n12\ngot " || status.ExitStatus() != 9 {
				t.Errorf("status %#x, %q", status, text)
			}
		})
	}
}

// TestTerminalRefused checks runc's rules for combining --tty, --detach and --console-socket.
func TestTerminalRefused(t *testing.T) {
	t.Parallel()
	b := run(t)
	for _, flags := range [][]string{{"--tty", "--detach"}, {"--console-socket=/x"}, {"--detach", "--console-socket=/x"}} {
		o := b.exec(append(flags, "true")...)
		if o.status != 255 || !strings.Contains(o.stderr, "cannot allocate tty if") && !strings.Contains(o.stderr, "cannot use console socket if") {
			t.Errorf("%q: %+v", flags, o)
		}
	}
}

// TestOwnTerminal checks that exec --tty in the foreground copies the output of the container's
// terminal even if berth itself has no terminal.
func TestOwnTerminal(t *testing.T) {
	t.Parallel()
	b := run(t)
	o := b.exec("--tty", "sh", "-c", "tty; exit 5")
	if o.stdout != "/dev/pts/0\r\n" && o.stdout != "/dev/pts/0\n" || o.status != 5 {
		t.Errorf("%+v", o)
	}
}
