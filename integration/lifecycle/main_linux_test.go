//go:build linux && integration

package lifecycle

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	program  = flag.String("berth", "", "`path` of the berth to test")
	backend  = flag.String("backend", "lxc", "its backend: lxc or pct; runc if -berth is that peer")
	baseRoot = flag.String("rootfs", "/usr/share/berth-test/rootfs", "`directory` with a busybox root")
	seed     = flag.Int64("seed", 0, "of the random moments (0: from the clock)")
	rounds   = flag.Int("rounds", 60, "containers of the soak, and kills of the crash test")
)

func TestMain(m *testing.M) {
	if marker := os.Getenv(spyEnv); marker != "" {
		spy(marker)
	}
	if os.Getenv(stopperEnv) != "" {
		stopAll()
	}
	if how := os.Getenv(tracerEnv); how != "" {
		tracer(how)
	}
	if what, ok := os.LookupEnv(callerEnv); ok {
		caller(what)
	}
	if os.Getenv(noBPFEnv) != "" {
		withoutBPF()
	}
	flag.Parse()
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "lifecycle tests:", err)
		os.Exit(2)
	}
	before := takeCensus()
	etc := hashTree("/etc", "/etc/pve", "/etc/pve-standin.json")
	status := m.Run()
	if status == 0 {
		if left := before.leftovers(); left != "" && !isPeer() {
			fmt.Fprintf(os.Stderr, "lifecycle tests: left behind when all were done:\n%s", left)
			status = 1
		}
		if hashTree("/etc", "/etc/pve", "/etc/pve-standin.json") != etc {
			fmt.Fprintln(os.Stderr, "lifecycle tests: the host's /etc has changed")
			status = 1
		}
	}
	if err := os.RemoveAll(workDir()); err != nil {
		fmt.Fprintln(os.Stderr, "lifecycle tests:", err)
		status = 1
	}
	os.Exit(status)
}

// setUp checks everything that the tests need. No test is skipped because something is missing.
func setUp() error {
	if os.Geteuid() != 0 {
		return errors.New("they run as root, on a test host")
	}
	if *program == "" {
		return errors.New("-berth PATH is missing: see the package's documentation")
	}
	abs, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	*program = abs
	needs := []string{"cp", "crun"}
	switch *backend {
	case "lxc":
		needs = append(needs, "lxc-start", "lxc-info", "lxc-stop")
	case "pct":
		needs = append(needs, "lxc-start", "pct")
		if _, err := os.Stat("/etc/pve/.vmlist"); err != nil {
			return fmt.Errorf("this is no Proxmox VE node, and the stand-in is not installed: %w", err)
		}
	case "runc":
	default:
		return fmt.Errorf("-backend %q: it is lxc, pct or runc", *backend)
	}
	for _, tool := range append(needs, *program) {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a needed program: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(*baseRoot, "bin/busybox")); err != nil {
		return fmt.Errorf("-rootfs: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("/sys/fs/cgroup is not cgroup v2 alone (%v)", err)
	}
	unix.Umask(0o022)
	return becomeSubreaper()
}

func isPeer() bool { return *backend == "runc" }

// berthOnly skips a test when a peer runs in berth's place.
func berthOnly(t *testing.T) {
	t.Helper()
	if isPeer() {
		t.Skip("about berth itself, and the program is ", *backend)
	}
}

// pctOnly skips a test of Proxmox VE on another backend.
func pctOnly(t *testing.T) {
	t.Helper()
	if *backend != "pct" {
		t.Skip("about Proxmox VE, and the backend is ", *backend)
	}
}
