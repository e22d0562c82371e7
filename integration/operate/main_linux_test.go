//go:build linux && testhost

package operate

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	program  = flag.String("berth", "", "`path` of the berth to test")
	backend  = flag.String("backend", "lxc", "its backend: lxc or pct")
	baseRoot = flag.String("rootfs", "/usr/share/berth-test/rootfs", "`directory` with a busybox root")
	limits   = flag.Bool("limits", false, "the host has the cgroup controllers memory, cpu and pids: test limits too")
	workDir  string
)

func TestMain(m *testing.M) {
	flag.Parse()
	err := setUp()
	status := 1
	if err == nil {
		status = m.Run()
		if left := leftovers(); left != "" && status == 0 {
			err = errors.New("left behind when all were done:\n" + left)
			status = 1
		}
	}
	if err = errors.Join(err, os.RemoveAll(workDir)); err != nil {
		fmt.Fprintln(os.Stderr, "operate tests:", err)
		status = 1
	}
	os.Exit(status)
}

// setUp checks everything that the tests need. No test is skipped because something is missing.
func setUp() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("they run as root, on a test host")
	}
	if *program, err = filepath.Abs(*program); err != nil {
		return err
	}
	for _, tool := range []string{"runc", "cp", "lxc-start", *program} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a needed program: %w", err)
		}
	}
	unix.Umask(0o022)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if workDir, err = os.MkdirTemp("", "berth-operate-"); err != nil {
		return err
	}
	return os.Chmod(workDir, 0o755)
}

// leftovers returns the processes that belong to berth, and the cgroup of its containers.
func leftovers() string {
	var left strings.Builder
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		words, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		text := string(words)
		if err == nil && (strings.Contains(text, workDir) || strings.HasPrefix(text, "@/stub-init") || strings.HasPrefix(text, "berth-init")) {
			fmt.Fprintf(&left, "process %d: %q\n", pid, text)
		}
	}
	if _, err := os.Stat("/sys/fs/cgroup/berth"); err == nil {
		left.WriteString("the cgroup /berth\n")
	}
	return left.String()
}
