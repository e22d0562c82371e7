package backends

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

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
