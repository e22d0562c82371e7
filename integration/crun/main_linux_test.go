//go:build linux && testhost

package crun

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	program  = flag.String("berth", "", "`path` of the berth to test")
	list     = flag.String("backends", "crun,runc", "backends that can work here, among which rules choose")
	baseRoot = flag.String("rootfs", "/usr/share/berth-test/rootfs", "`directory` with a busybox root")
	cost     = flag.Bool("cost", false, "measure what berth costs")
)

// runtimes are the runtimes that berth is compared with.
var runtimes = []string{"crun", "runc"}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "crun tests:", err)
		os.Exit(2)
	}
	status := m.Run()
	if err := os.RemoveAll(workDir); err != nil {
		fmt.Fprintln(os.Stderr, "crun tests:", err)
		status = 1
	}
	os.Exit(status)
}

// workDir is in memory, like a real state directory.
var workDir string

func setUp() error {
	if os.Geteuid() != 0 {
		return errors.New("they run as root")
	}
	if err := oneCgroupVersion(); err != nil {
		return fmt.Errorf("a mount namespace with one cgroup version: %w", err)
	}
	abs, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	*program = abs
	for _, tool := range append([]string{*program}, runtimes...) {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a needed program: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(*baseRoot, "bin/busybox")); err != nil {
		return fmt.Errorf("-rootfs: %w", err)
	}
	if workDir, err = os.MkdirTemp("/dev/shm", "berth-crun-"); err != nil {
		return err
	}
	// Orphans become children of this process, which can then wait for them.
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// oneCgroupVersion starts this program again in a mount namespace without cgroup v2 if the host has
// both versions. crun refuses a mixture.
func oneCgroupVersion() error {
	const hybrid, marker = "/sys/fs/cgroup/unified", "BERTH_TEST_ONE_CGROUP_VERSION"
	if _, err := os.Stat(hybrid + "/cgroup.procs"); err != nil || os.Getenv(marker) != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script := "mount --make-rprivate / && umount " + hybrid + ` && exec "$@"`
	argv := append([]string{"unshare", "-m", "sh", "-c", script, "sh", self}, os.Args[1:]...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	return unix.Exec(path, argv, append(os.Environ(), marker+"=1"))
}

func backendNames() []string { return strings.Split(*list, ",") }
