// Package suite is what the suites of tests below integration share: their TestMain, calls of
// programs, waiting, and config.json.
package suite

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

// Suite is a suite of tests that run as root in a test host.
type Suite struct {
	// Name is in the suite's messages and in the name of its working directory.
	Name string
	// Parent is where the working directory is made. "" is the system's directory for temporary
	// files.
	Parent string
	// Programs returns the names or paths of the programs that the tests call. No test is skipped
	// because something is missing: the suite fails.
	Programs func() []string
	// Before runs before anything is made. It may execute the program again.
	Before func() error
	// SetUp runs when the working directory exists.
	SetUp func() error
	// Left returns what is left behind after tests that have all passed, or "".
	Left func() string
}

var (
	program, rootfs *string
	dir             string
)

// Berth defines the flag -berth. [Suite.Main] makes its value an absolute path and fails without a
// program there.
func Berth() *string {
	program = flag.String("berth", "", "`path` of the berth to test")
	return program
}

// Rootfs defines the flag -rootfs. [Suite.Main] fails if there is no busybox.
func Rootfs() *string {
	rootfs = flag.String("rootfs", "/usr/share/berth-test/rootfs", "`directory` with a busybox root")
	return rootfs
}

// Dir returns the suite's working directory. It has mode 0755, because containers in user
// namespaces must be able to pass through it. It is removed at the end.
func Dir() string { return dir }

// Main is the suite's TestMain. It does not return. The exit status is 2 if the host lacks
// something.
func (s *Suite) Main(m *testing.M) {
	if !flag.Parsed() {
		flag.Parse()
	}
	status := 2
	err := s.prepare()
	if err == nil {
		status = m.Run()
		if s.Left != nil && status == 0 {
			if left := s.Left(); left != "" {
				err = errors.New("left behind when all were done:\n" + left)
			}
		}
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintf(os.Stderr, "%s tests: %v\n", s.Name, err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func (s *Suite) prepare() (err error) {
	unix.Umask(0o022)
	if s.Before != nil {
		if err := s.Before(); err != nil {
			return err
		}
	}
	needs := s.Programs()
	if program != nil {
		if *program == "" {
			return errors.New("-berth PATH is missing: see the package's documentation")
		}
		if *program, err = filepath.Abs(*program); err != nil {
			return err
		}
		needs = append(needs, *program)
	}
	if err := Need(needs...); err != nil {
		return err
	}
	if rootfs != nil {
		if _, err := os.Stat(filepath.Join(*rootfs, "bin/busybox")); err != nil {
			return fmt.Errorf("-rootfs: %w", err)
		}
	}
	if dir, err = os.MkdirTemp(s.Parent, "berth-"+s.Name+"-"); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil || s.SetUp == nil {
		return err
	}
	return s.SetUp()
}

// Need fails if the caller is not root or a program, by its name or path, is missing.
func Need(programs ...string) error {
	if os.Geteuid() != 0 {
		return errors.New("they run as root, on a test host")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("a needed program: %w", err)
		}
	}
	return nil
}

// OwnMounts executes this program again in a mount namespace of its own, whose mounts do not
// propagate to the host and go away with it. The shell script runs there first.
func OwnMounts(script string) error {
	const marker = "BERTH_TEST_OWN_MOUNTS"
	if os.Getenv(marker) != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	argv := []string{"unshare", "--mount", "--propagation", "private", "sh", "-euc", script + "\nexec \"$@\"", "sh", self}
	return unix.Exec(unshare, append(argv, os.Args[1:]...), append(os.Environ(), marker+"=1"))
}
