package rootfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watchEnv makes the test binary act as the first process of a pid namespace. It prints what it
// sees of other processes there, one line per look.
const watchEnv = "BERTH_ROOTFS_TEST_WATCH"

func watch() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return err
		}
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == 1 {
				continue
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil || strings.Contains(string(status), "State:\tX") || strings.Contains(string(status), "State:\tZ") {
				continue
			}
			var seen []string
			for line := range strings.Lines(string(status)) {
				for _, field := range []string{"CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:"} {
					if value, ok := strings.CutPrefix(line, field); ok {
						seen = append(seen, strings.TrimSpace(value))
					}
				}
			}
			fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			fmt.Println(strings.Join(seen, " "), len(fds))
		}
	}
}

// TestProcOfAnotherPIDNamespace makes a procfs of another pid namespace, with the kernel's option
// and with a forked process. The processes in the namespace see a forked process that is allowed
// almost nothing.
func TestProcOfAnotherPIDNamespace(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), watchEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the watcher says %q (%v)", lines.Text(), lines.Err())
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/pid", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()

	fs, err := procContext(ns)
	shows(t, "procContext", fs, err)
	fs, err = forkedProcContext(ns)
	shows(t, "bornProcContext", fs, err)

	seen := make(chan string, 1000)
	go func() {
		for lines.Scan() {
			seen <- lines.Text()
		}
		close(seen)
	}()
	const want = "0000000000200000 0000000000200000 1 2 "
	for n, deadline := 0, time.Now().Add(time.Minute); n < 3; {
		fs, err := forkedProcContext(ns)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fs)
		select {
		case line := <-seen:
			n++
			fds, ok := strings.CutPrefix(line, want)
			if count, err := strconv.Atoi(fds); !ok || err != nil || count > 2 {
				t.Errorf("seen: %q, want %q and at most 2 descriptors", line, want)
			}
		default:
			if time.Now().After(deadline) {
				t.Fatalf("the watcher has seen %d processes in a minute", n)
			}
		}
	}
}

// shows checks that a context is a procfs whose PID 1 is the watcher.
func shows(t *testing.T, name string, fs int, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	mount, err := configured(fs, "proc", "proc", nil, 0)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer unix.Close(mount)
	if err := checkProc(mount); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d/1/environ", mount))
	if err != nil || !strings.Contains(string(environ), watchEnv+"=1") {
		t.Errorf("%s: PID 1 has the environment %q (%v)", name, environ, err)
	}
}

// TestCheckProc checks that another file system is not accepted as a procfs.
func TestCheckProc(t *testing.T) {
	t.Parallel()
	mount, err := newFilesystem("tmpfs", "none", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mount)
	if err := checkProc(mount); err == nil {
		t.Error("a tmpfs is taken for a procfs")
	}
}
