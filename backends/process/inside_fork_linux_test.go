package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkEnv makes a test child run its program by Fork instead of Exec.
const forkEnv = "BERTH_TEST_PROCESS_FORK"

// fork runs the program and ends with its status.
func (c *child) fork(p *Prepared) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	syncSocket := os.NewFile(uintptr(pair[0]), "sync socket")
	// Use a number above the descriptors that the tests fail to preserve.
	inner, err := unix.FcntlInt(uintptr(pair[1]), unix.F_DUPFD_CLOEXEC, 64)
	if err != nil {
		return err
	}
	unix.Close(pair[1])
	pid, err := p.Fork(ForkOptions{Stdio: [3]int{0, 1, 2}, SyncSocket: inner})
	if err != nil {
		return err
	}
	unix.Close(inner)
	if _, err := syncSocket.Write([]byte{1}); err != nil {
		return err
	}
	report, err := io.ReadAll(syncSocket)
	if err != nil {
		return err
	}
	if err := c.Attributes.Failure(report, p.Path()); err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	if status.Signaled() {
		// Remove Go's own handler.
		var act kernelAction
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(status.Signal()), uintptr(unsafe.Pointer(&act)), 0, sigSetSize, 0, 0)
		_ = unix.Kill(os.Getpid(), status.Signal())
	}
	os.Exit(status.ExitStatus())
	return nil
}

// TestForked repeats the tests of the program's attributes with the program in a forked child. It
// leaves out what only Exec has: descriptors that stay open until execve, the listener on a thread,
// and LISTEN_PID. It leaves out the errors about limits, which Fork reports elsewhere.
func TestForked(t *testing.T) {
	t.Parallel()
	if os.Getenv(forkEnv) != "" {
		t.Skip("within itself")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run="+
		"^(TestFilterComesLast|TestExecveAlone|TestIdentity|TestCapabilitiesLeftAlone|TestNotGranted|TestUnmapped|TestGroupsDenied|TestStdio|"+
		"TestLimitOfOpenFiles|TestLimits|TestSignals|TestNoWayOutByADescriptor|TestProgram|TestUserCannotExecute|TestEnvironment|"+
		"TestHostilePasswd|TestCwd|TestNoProc|TestForgedProc|TestKeyring)$")
	cmd.Env = append(os.Environ(), forkEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
