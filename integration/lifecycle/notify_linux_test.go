//go:build linux && integration

package lifecycle

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// TestNotify checks that under a service manager start returns when the container has said that it
// is ready and berth has told the manager.
func TestNotify(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, `echo "$NOTIFY_SOCKET" >/out/started; exec sleep 1000`, func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/run", Type: "tmpfs", Source: "tmpfs"})
	})
	path := filepath.Join(b.out, "manager")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	told := make(chan string, 4)
	go func() {
		buffer, oob := make([]byte, 4096), make([]byte, 4096)
		for {
			n, oobn, _, _, err := manager.ReadMsgUnix(buffer, oob)
			if err != nil {
				return
			}
			told <- string(buffer[:n])
			closeReceived(oob[:oobn])
		}
	}()
	create := b.command(b.createArgs()...)
	create.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	b.createWith(create)
	start := b.command("start", b.id)
	start.Env = create.Env
	if err := suite.Start(start); err != nil {
		t.Fatal(err)
	}
	if got := b.awaitFile("started"); got != "/run/notify/notify.sock\n" {
		t.Errorf("NOTIFY_SOCKET is %q in the container", got)
	}
	select {
	case got := <-told:
		t.Fatalf("the manager was told %q too early", got)
	case <-time.After(200 * time.Millisecond):
	}
	// The container would do this, but its busybox cannot.
	ready, err := net.Dial("unixgram", fmt.Sprintf("/proc/%d/root/run/notify/notify.sock", b.pid))
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	for _, message := range []string{"STATUS=READY=1", "STATUS=nearly\nREADY=1\n"} {
		if _, err := ready.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	next := func() string {
		select {
		case got := <-told:
			return got
		case <-time.After(suite.Patience):
			t.Fatalf("the manager was told nothing in %v", suite.Patience)
			return ""
		}
	}
	if got, want := next(), fmt.Sprintf("READY=1\nMAINPID=%d", b.pid); got != want {
		t.Errorf("the manager was told %q, want %q", got, want)
	}
	if got := next(); !strings.HasPrefix(got, "BARRIER=1") {
		t.Errorf("the manager was told %q, want the barrier", got)
	}
	if err := suite.Join(start); err != nil {
		t.Errorf("start: %v", err)
	}
	b.must("delete", "--force", b.id)
	b.wait()
}

// closeReceived closes the descriptors that came with a message.
func closeReceived(oob []byte) {
	messages, _ := unix.ParseSocketControlMessage(oob)
	for i := range messages {
		fds, _ := unix.ParseUnixRights(&messages[i])
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
}
