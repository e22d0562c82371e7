//go:build linux && (amd64 || arm64)

package stubinit

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// start runs a stub init that waits for the process watched, and returns it when it is ready.
func start(t *testing.T, watched int) *exec.Cmd {
	t.Helper()
	return startWith(t, watched, Task{Bounding: 1<<unix.CAP_CHOWN | 1<<unix.CAP_SETPCAP})
}

func startWith(t *testing.T, watched int, task Task) *exec.Cmd {
	t.Helper()
	return startAs(t, watched, task, nil)
}

func startAs(t *testing.T, watched int, task Task, attr *syscall.SysProcAttr) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "stub-init")
	// Another user executes it, too.
	if err := errors.Join(os.Chmod(dir, 0o711), os.Chmod(filepath.Dir(dir), 0o711), Install(path, os.Getgid())); err != nil {
		t.Fatal(err)
	}
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sock)
	address := filepath.Join(dir, "sock")
	if err := unix.Bind(sock, &unix.SockaddrUnix{Name: address}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(sock, 1); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, address, "nobody there\n")
	cmd.Dir = dir
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	conn, _, err := unix.Accept4(sock, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	pidfd, err := unix.PidfdOpen(watched, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if err := link.SendMessage(conn, task.Message(), pidfd); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(conn, make([]byte, 1)); n != 0 || err != nil {
		t.Fatalf("the stub init says something, or does not close the socket: %d, %v", n, err)
	}
	return cmd
}

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func wait(t *testing.T, cmd *exec.Cmd) syscall.WaitStatus {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s still runs", cmd.Path)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func TestExitsWithTheProcess(t *testing.T) {
	t.Parallel()
	process := sleeper(t)
	stubInit := start(t, process.Process.Pid)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, process)
	if status := wait(t, stubInit); status.ExitStatus() != 0 {
		t.Errorf("the stub init ended with status %v, want 0", status)
	}
}

func TestPassesSignalsOn(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGPWR, unix.SIGUSR1, 37} {
		process := sleeper(t)
		stubInit := start(t, process.Process.Pid)
		if err := stubInit.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if status := wait(t, process); status.Signal() != sig {
			t.Errorf("signal %d reached the process as %v", sig, status.Signal())
		}
		wait(t, stubInit)
	}
}

// TestSystemdLeavesItAlone checks that the name begins with '@'. systemd-shutdown spares root's
// processes with such a name.
func TestSystemdLeavesItAlone(t *testing.T) {
	t.Parallel()
	stubInit := start(t, sleeper(t).Process.Pid)
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", stubInit.Process.Pid))
	if err != nil || !strings.HasPrefix(string(cmdline), "@") {
		t.Errorf("command line %q (%v), want an @ first", cmdline, err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stub-init")
	if err := Install(path, os.Getgid()); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{filepath.Join(t.TempDir(), "none"), strings.Repeat("x", 200)} {
		cmd := exec.Command(path, address, "nobody there\n")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if status := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%.10s…: %v, want exit status 1", address, status)
		}
		if stderr.String() != "nobody there\n" {
			t.Errorf("%.10s…: stderr %q", address, stderr.String())
		}
	}
}

// TestNoExec checks that Install says why LXC could not execute the file.
func TestNoExec(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	err := Install(filepath.Join(dir, "stub-init"), os.Getgid())
	if err == nil || !strings.Contains(err.Error(), "noexec") || !strings.Contains(err.Error(), "--root") {
		t.Errorf("%v", err)
	}
}

// TestFootprint checks the figures that make up a container's overhead: one task, a few pages of
// private memory, no descriptors but the pidfd and the signalfd.
func TestFootprint(t *testing.T) {
	t.Parallel()
	process := sleeper(t)
	stubInit := start(t, process.Process.Pid)
	proc := fmt.Sprintf("/proc/%d/", stubInit.Process.Pid)
	if fds, err := os.ReadDir(proc + "fd"); err != nil || len(fds) != 2 {
		t.Errorf("%d descriptors open (%v), want the pidfd and the signalfd", len(fds), err)
	}
	tasks, err := os.ReadDir(proc + "task")
	if err != nil || len(tasks) != 1 {
		t.Errorf("%d tasks (%v), want 1", len(tasks), err)
	}
	rollup, err := os.ReadFile(proc + "smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	private := 0
	for line := range strings.Lines(string(rollup)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "Private_Dirty: %d kB", &kb); n == 1 {
			private += kb
		}
		if n, _ := fmt.Sscanf(line, "Private_Clean: %d kB", &kb); n == 1 {
			private += kb
		}
	}
	if private == 0 || private > 64 {
		t.Errorf("%d kB private memory, want a few pages", private)
	}
}

// TestNotDumpable checks that the stub init is not dumpable. The files in /proc of such a process
// belong to root (proc(5)). The stub init runs as another user here, because root's files belong to
// root anyway.
func TestNotDumpable(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	attr := &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: uint32(os.Getgid())},
		AmbientCaps: []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_SETPCAP, unix.CAP_KILL},
	}
	owner := func(pid int) uint32 {
		t.Helper()
		var stat unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/environ", pid), &stat); err != nil {
			t.Fatal(err)
		}
		return stat.Uid
	}
	process := sleeper(t)
	stubInit := startAs(t, process.Process.Pid, Task{Bounding: 1 << unix.CAP_CHOWN}, attr)
	if uid := owner(stubInit.Process.Pid); uid != 0 {
		t.Errorf("the stub init's files belong to uid %d, so it is dumpable", uid)
	}
	dumpable := exec.Command("sleep", "1000")
	dumpable.SysProcAttr = attr
	if err := dumpable.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = dumpable.Process.Kill(), dumpable.Wait() }()
	if uid := owner(dumpable.Process.Pid); uid != nobody {
		t.Errorf("the files of an ordinary process belong to uid %d", uid)
	}
}

func TestExecutableIsSmallELF(t *testing.T) {
	t.Parallel()
	exe := Executable()
	if len(exe) > 2048 {
		t.Errorf("%d bytes", len(exe))
	}
	f, err := elf.NewFile(bytes.NewReader(exe))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Progs {
		if p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0 {
			t.Errorf("%v is writable and executable", p)
		}
	}
}

// status reads a field of /proc/PID/status.
func status(t *testing.T, pid int, field string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("process %d has no %s", pid, field)
	return ""
}

// TestKeepsNothing checks the rights that a ready stub init still has.
func TestKeepsNothing(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("this test runs as root")
	}
	stubInit := start(t, sleeper(t).Process.Pid)
	kill := fmt.Sprintf("%016x", KeptCapabilities)
	for field, want := range map[string]string{
		"CapPrm": kill, "CapEff": kill, "CapInh": "0000000000000000", "CapAmb": "0000000000000000",
		"CapBnd":     fmt.Sprintf("%016x", 1<<unix.CAP_CHOWN|1<<unix.CAP_SETPCAP),
		"NoNewPrivs": "1", "Seccomp": "2", "SigBlk": "fffffffffffbfeff",
	} {
		if got := status(t, stubInit.Process.Pid, field); got != want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
}

// TestRoot checks that the stub init's root directory is the caller's, or with Task.Apart the
// directory of its executable.
func TestRoot(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		stubInit := startWith(t, sleeper(t).Process.Pid, Task{Apart: apart})
		for _, link := range []string{"root", "cwd"} {
			got, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", stubInit.Process.Pid, link))
			want := "/"
			if apart {
				want = stubInit.Dir
			}
			if err != nil || got != want {
				t.Errorf("apart %v: its %s is %s (%v), want %s", apart, link, got, err, want)
			}
		}
	}
}

// TestPassesSignalsToOtherUsers checks that a signal reaches another user's process.
func TestPassesSignalsToOtherUsers(t *testing.T) {
	t.Parallel()
	process := exec.Command("sleep", "60")
	process.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() })
	stubInit := start(t, process.Process.Pid)
	if err := stubInit.Process.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if status := wait(t, process); status.Signal() != unix.SIGUSR1 {
		t.Errorf("the process ended with %v", status)
	}
}
