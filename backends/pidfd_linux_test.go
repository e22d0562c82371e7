package backends

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A process that was waited for is done, even if its number still names a session, and whichever
// error the kernel returns for that.
func TestOpenOfOneThatWasWaitedFor(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 >/dev/null & echo $!; read x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Kill(child, unix.SIGKILL) }()
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := p.Open()
	if err != nil {
		t.Fatalf("while it runs: %v", err)
	}
	pidfd.Close()
	stdin.Close()
	_ = cmd.Wait()
	if sid, err := unix.Getsid(child); err != nil || sid != p.Pid {
		t.Fatalf("the child's session is %d (%v), want %d", sid, err, p.Pid)
	}
	if _, err := p.Open(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("when it was waited for: %v", err)
	}
}

func TestNoProcess(t *testing.T) {
	for errno, want := range map[error]bool{
		unix.ESRCH: true, unix.EINVAL: true, unix.ENOENT: true, unix.EMFILE: false, unix.ENOSYS: false, nil: false,
	} {
		if got := noProcess(errno); got != want {
			t.Errorf("pidfd_open says %v: no process: %v", errno, got)
		}
	}
}

// TestSignalIf checks that the condition is asked while the process certainly is the one, and that
// its answer counts.
func TestSignalIf(t *testing.T) {
	t.Parallel()
	p, _ := shell(t, "read end")
	asked := 0
	if err := p.SignalIf(unix.SIGKILL, func() bool { asked++; return false }); !errors.Is(err, os.ErrProcessDone) || asked != 1 || !p.Alive() {
		t.Errorf("no: %v, asked %d times", err, asked)
	}
	if err := (Process{p.Pid, p.StartTime + 1}).SignalIf(unix.SIGKILL, func() bool { asked++; return true }); !errors.Is(err, os.ErrProcessDone) || asked != 1 {
		t.Errorf("another process: %v, asked %d times", err, asked)
	}
	if err := p.SignalIf(1000, func() bool { return true }); !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), "signal process ") {
		t.Errorf("no signal: %v", err)
	}
	if err := p.SignalIf(unix.SIGKILL, func() bool { return true }); err != nil {
		t.Errorf("yes: %v", err)
	}
	eventually(t, "the process has ended", func() bool { return !p.Alive() })
}

func TestWaitGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	p, wait := shell(t, "read end")
	before := time.Now()
	if err := p.WaitGone(ctx, 30*time.Millisecond); err == nil || !strings.HasSuffix(err.Error(), " still runs after 30ms") || time.Since(before) < 30*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(before))
	}
	ended := make(chan error, 1)
	go func() { ended <- p.WaitGone(context.Background(), time.Minute) }()
	cancel()
	if err := p.WaitGone(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil { // a zombie is gone
		t.Error(err)
	}
	wait()
	for _, gone := range []Process{p, {}, {Pid: os.Getpid(), StartTime: 1}} {
		if err := gone.WaitGone(ctx, 0); err != nil {
			t.Errorf("%+v: %v", gone, err)
		}
	}
}
