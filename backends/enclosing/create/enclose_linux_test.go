package create

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// The stub init calls, unless create gives up or the init process ends before. Nobody else may call.
func TestAccept(t *testing.T) {
	t.Parallel()
	self := os.Getpid()
	for name, c := range map[string]struct {
		initPid int
		do      func(stop, conn *os.File, socket string)
		want    error
	}{
		"the stub init calls":   {self, func(_, _ *os.File, socket string) { dial(t, socket) }, nil},
		"create gives up":       {self, func(stop, _ *os.File, _ string) { stop.Close() }, errGivenUp},
		"the init process ends": {self, func(_, conn *os.File, _ string) { conn.Close() }, errInitGone},
		"a stranger calls":      {1 << 30, func(_, _ *os.File, socket string) { dial(t, socket) }, errStranger},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fd, err := link.Bind(unix.SOCK_SEQPACKET, dir, "sock", 0o600, os.Getgid())
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			stop, giveUp, err1 := os.Pipe()
			conn, end, err2 := os.Pipe()
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			defer stop.Close()
			defer giveUp.Close()
			defer conn.Close()
			defer end.Close()
			go func() {
				time.Sleep(10 * time.Millisecond) // accept waits in the meantime
				c.do(giveUp, end, filepath.Join(dir, "sock"))
			}()
			got, err := (&listener{fd}).accept(int(stop.Fd()), int(conn.Fd()), c.initPid)
			if !errors.Is(err, c.want) {
				t.Fatalf("%+v, %v, want %v", got, err, c.want)
			}
			if err == nil {
				if got.process.Pid != self || !got.process.Alive() {
					t.Errorf("%+v", got.process)
				}
				got.close()
			}
		})
	}
}

// dial connects to a socket and stays until the test ends.
func dial(t *testing.T, path string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		t.Error(err)
	}
}

// create notices that a process it waits for has been stopped.
func TestStopped(t *testing.T) {
	t.Parallel()
	child := exec.Command("/bin/sleep", "100")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	p, err := backends.FindProcess(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	cr := &creation{}
	if slices.Contains(cr.stopped(), p) {
		t.Error("it is not stopped")
	}
	if err := child.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !slices.Contains(cr.stopped(), p); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is stopped, and nobody has noticed")
		}
	}
}
