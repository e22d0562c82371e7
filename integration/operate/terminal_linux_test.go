//go:build linux && testhost

package operate

import (
	"io"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestTerminal checks that exec makes a terminal in the container, with the size in process.json,
// and sends its master to the engine.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){
		"plain": nil, "user namespace": {suite.InUserNamespace}, "host's processes": {withHostPIDs}, "another user": {particular},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, edits...)
			l := suite.Listen(t)
			p := &specs.Process{
				Terminal: true, ConsoleSize: &specs.Box{Height: 31, Width: 97}, Cwd: "/", Env: []string{"PATH=/bin"},
				User: specs.User{UID: 12, GID: 13},
				Args: []string{"sh", "-c", "tty; stty size; busybox stat -c %u $(tty); read line </dev/tty; echo got $line; exit 9"},
			}
			b.expect("exec", "--process="+b.writeJSON("process.json", p), "--console-socket="+l.Path,
				"--detach", "--pid-file="+b.path("exec.pid"), b.id)
			master, _ := l.Receive(t)
			if _, err := master.WriteString("typed\n"); err != nil {
				t.Fatal(err)
			}
			status := suite.WaitFor(t, b.readPid("exec.pid"))
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
		if o.Status != 255 || !strings.Contains(o.Stderr, "cannot allocate tty if") && !strings.Contains(o.Stderr, "cannot use console socket if") {
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
	if o.Stdout != "/dev/pts/0\r\n" && o.Stdout != "/dev/pts/0\n" || o.Status != 5 {
		t.Errorf("%+v", o)
	}
}
