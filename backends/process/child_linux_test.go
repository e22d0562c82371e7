package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

const busybox = "/bin/busybox"

// child is a process that does what the init process does: it sets up its surroundings and calls
// Prepare and Exec.
type child struct {
	Attributes Attributes
	Preserve   int
	// Keep are descriptors for Options.Keep.
	Keep []int
	// Root is a directory to chroot to. /proc is mounted in it if it has that directory.
	Root string
	// Listener sends the seccomp listener over the socket at descriptor 3, which stays open until
	// execve.
	Listener bool
	// OneProcessor sets GOMAXPROCS to 1, as for the init process.
	OneProcessor bool
	// NotDumpable makes the process not dumpable, as the init process is.
	NotDumpable bool

	// The fields below are for the parent.

	Sys   *syscall.SysProcAttr `json:"-"`
	Stdin *os.File             `json:"-"`
	Files []*os.File           `json:"-"`
	// Shell is a shell command that runs before the shell execs the child. It sets limits and
	// signals.
	Shell string `json:"-"`
	// Env is the environment of the child itself. It must not leak into the program.
	Env []string `json:"-"`
}

const childEnv = "BERTH_TEST_PROCESS_CHILD"

func init() {
	// Lock the main thread, as the init process does.
	if os.Getenv(childEnv) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		var c child
		err := json.Unmarshal([]byte(text), &c)
		if err == nil {
			err = c.run()
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	if os.Getenv(reportEnv) != "" {
		report()
		return
	}
	os.Exit(m.Run())
}

func (c *child) run() error {
	if c.OneProcessor {
		runtime.GOMAXPROCS(1)
	}
	if c.NotDumpable {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return err
		}
	}
	if c.Root != "" {
		if err := enterRoot(c.Root); err != nil {
			return err
		}
	}
	o := Options{Proc: -1, Preserve: c.Preserve, Keep: c.Keep}
	if c.Listener {
		o.Keep = append(o.Keep, 3)
		o.Listener = func(fd int) error {
			return link.SendMessage(3, []byte("fd"), fd)
		}
	}
	o.Fork = os.Getenv(forkEnv) != ""
	p, err := c.Attributes.Prepare(o)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for _, w := range p.Warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	if o.Fork {
		return c.fork(p)
	}
	return fmt.Errorf("exec: %w", p.Exec())
}

func enterRoot(root string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if _, err := os.Stat(root + "/proc"); err == nil {
		if err := unix.Mount("/proc", root+"/proc", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind /proc: %w", err)
		}
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return unix.Chdir("/")
}

type result struct {
	stdout, stderr string
	status         syscall.WaitStatus
}

func (c *child) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	if c.Shell != "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(busybox, "sh", "-c", c.Shell+`; exec "$0"`, self)
	}
	cmd.Env = append(c.Env, childEnv+"="+string(text))
	if forked := os.Getenv(forkEnv); forked != "" {
		cmd.Env = append(cmd.Env, forkEnv+"="+forked)
	}
	cmd.ExtraFiles = c.Files
	cmd.SysProcAttr = c.Sys
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	return cmd
}

func (c *child) start(t *testing.T) result {
	t.Helper()
	cmd := c.command(t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.Sys().(syscall.WaitStatus)}
}

// output runs the child, which must succeed, and returns what it printed.
func (c *child) output(t *testing.T) string {
	t.Helper()
	r := c.start(t)
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("status %#x, stderr %q, stdout %q", r.status, r.stderr, r.stdout)
	}
	return r.stdout
}

// fails runs the child, which must print want on stderr and must not run the program.
func (c *child) fails(t *testing.T, want string) {
	t.Helper()
	r := c.start(t)
	if r.status.ExitStatus() != 99 || strings.TrimSuffix(r.stderr, "\n") != want || r.stdout != "" {
		t.Errorf("status %#x, stdout %q, stderr:\n%s\nwant:\n%s", r.status, r.stdout, r.stderr, want)
	}
}

// run returns the attributes of a busybox command.
func run(args ...string) Attributes {
	return Attributes{Basics: Basics{Args: append([]string{busybox}, args...), Cwd: "/", Umask: defaultUmask,
		Env: []string{"PATH=/bin:/usr/bin", "HOME=/"}}}
}

// show returns a program that prints the lines of a /proc file that match a pattern, with white
// space squeezed.
func show(pattern, file string) Attributes {
	return run("sh", "-c", `busybox grep -E "$0" "$1" | busybox tr -s ' \t' ' '`, pattern, file)
}

const status = "/proc/self/status"

// inUserNamespace runs a child as root of a user namespace with 65536 IDs from 100000 on.
func inUserNamespace() *syscall.SysProcAttr {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
	return &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings:                ids,
		GidMappings:                ids,
		GidMappingsEnableSetgroups: true,
		Credential:                 &syscall.Credential{},
	}
}
