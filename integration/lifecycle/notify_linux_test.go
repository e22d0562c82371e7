//go:build linux && integration

package lifecycle

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// agent answers every call that a seccomp filter asks about with ENOMEDIUM, and
// keeps the states that came with the listeners.
type agent struct {
	listener *net.UnixListener
	states   chan specs.ContainerProcessState
}

func newAgent(t *testing.T, path string) *agent {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{listener: l, states: make(chan specs.ContainerProcessState, 16)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			if err := a.take(conn); err != nil {
				t.Error(err)
			}
		}
	}()
	return a
}

func (a *agent) take(conn *net.UnixConn) error {
	defer conn.Close()
	data, oob := make([]byte, 1<<16), make([]byte, 64)
	n, oobn, _, _, err := conn.ReadMsgUnix(data, oob)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("the agent got %d control messages: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return fmt.Errorf("the agent got %d descriptors: %w", len(fds), err)
	}
	var s specs.ContainerProcessState
	if err := json.Unmarshal(data[:n], &s); err != nil {
		return err
	}
	a.states <- s
	go answer(fds[0])
	return nil
}

// answer serves a listener (seccomp_unotify(2)) until its filter has gone.
func answer(fd int) {
	defer unix.Close(fd)
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) || poll[0].Revents&unix.POLLHUP != 0 {
			return
		}
		var request [80]byte
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0xc0502100, uintptr(unsafe.Pointer(&request))); errno != 0 {
			continue
		}
		var response [24]byte
		copy(response[:8], request[:8])
		refusal := int32(unix.ENOMEDIUM)
		binary.NativeEndian.PutUint32(response[16:], uint32(-refusal))
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0xc0182101, uintptr(unsafe.Pointer(&response)))
	}
}

// A seccomp agent gets the listener of the first process's filter and of exec's,
// wherever these are born.
func TestSeccompNotify(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp(workDir(), "agent")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sock")
	a := newAgent(t, path)
	notify := func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow, ListenerPath: path, ListenerMetadata: "some data",
			Flags:    []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagLog},
			Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}},
		}
	}
	const script = "mkdir /tmp/x 2>&1; echo >/out/done; exec sleep 1000"
	const want = "mkdir: can't create directory '/tmp/x': No medium found\n"
	expect := func(b *box, pid int) {
		t.Helper()
		s := <-a.states
		if s.Metadata != "some data" || s.State.ID != b.id || len(s.Fds) != 1 || s.Fds[0] != specs.SeccompFdName || pid != 0 && s.Pid != pid || s.State.Pid != b.pid {
			t.Errorf("the agent was told %+v of process %d", s, pid)
		}
	}
	infra := newBox(t, forever)
	infra.create()
	infra.start()
	infra.awaitFile("started")
	for name, edit := range map[string]func(*specs.Spec){
		"plain":  func(*specs.Spec) {},
		"no-new": func(s *specs.Spec) { s.Process.NoNewPrivileges = true },
		"pid":    shared(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", infra.pid)),
		"user":   inUserNamespace,
	} {
		b := infra.sibling(name, script, notify, edit)
		if name == "user" {
			chownTree(t, b.rootfs(), 100000)
			if err := os.Lchown(b.out, 100000, 100000); err != nil {
				t.Fatal(err)
			}
		}
		b.create()
		b.start()
		expect(b, b.pid)
		b.awaitFile("done")
		if got := b.said("stdout"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if o := b.berth("exec", b.id, "mkdir", "/tmp/x"); o.status != 1 || o.stderr != want {
			t.Errorf("%s: exec: status %d, stderr %q, want %q", name, o.status, o.stderr, want)
		}
		expect(b, 0)
		b.must("kill", b.id, "KILL")
		b.wait()
		b.must("delete", b.id)
	}
	infra.must("kill", infra.id, "KILL")
	infra.wait()

	// Without an agent nothing of the program runs.
	a.listener.Close()
	b := newBox(t, script, notify)
	b.create()
	if o := b.berth("start", b.id); o.status != 1 || !strings.Contains(o.stderr, "failed to connect with seccomp agent") {
		t.Errorf("start without an agent: status %d, stderr %q", o.status, o.stderr)
	}
	b.wait()
	b.await("stopped")
}
