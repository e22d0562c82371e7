//go:build linux && testhost

package freebsd

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	program  = flag.String("berth", "", "`path` of a berth built with the tag jailtest")
	standin  = flag.String("standin", "", "`path` of the stand-in")
	baseRoot = flag.String("rootfs", "/usr/share/berth-test/rootfs", "`directory` with a busybox root")
	workDir  string
)

// apart is an environment variable that is set if the tests run in their own mount namespace.
const apart = "BERTH_FREEBSD_TESTS_APART"

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(apart) == "" {
		os.Exit(again())
	}
	err := setUp()
	status := 1
	if err == nil {
		status = m.Run()
		if left := leftovers(); left != "" && status == 0 {
			err = errors.New("left behind when all were done:\n" + left)
		}
	}
	if err = errors.Join(err, os.RemoveAll(workDir)); err != nil {
		fmt.Fprintln(os.Stderr, "freebsd tests:", err)
		status = 1
	}
	os.Exit(status)
}

// again runs the tests in a new mount namespace.
func again() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	err := cmd.Run()
	if cmd.ProcessState != nil {
		return cmd.ProcessState.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "freebsd tests:", err)
	return 1
}

// setUp fails if anything is missing that the tests need, so that no test is skipped unnoticed.
func setUp() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("they run as root")
	}
	for _, path := range []*string{program, standin, baseRoot} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
		if _, err := os.Stat(*path); err != nil {
			return err
		}
	}
	unix.Umask(0o022)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if workDir, err = os.MkdirTemp("", "berth-freebsd-"); err != nil {
		return err
	}
	return os.Chmod(workDir, 0o755)
}

// leftovers lists processes and mounts that the tests left behind.
func leftovers() string {
	var left strings.Builder
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		words, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		root, _ := os.Readlink("/proc/" + e.Name() + "/root")
		if strings.Contains(string(words), workDir) || strings.HasPrefix(string(words), "berth-jailed") || strings.HasPrefix(root, workDir) {
			fmt.Fprintf(&left, "process %d: %q in %s\n", pid, words, root)
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, workDir) {
			left.WriteString(line)
		}
	}
	return left.String()
}
