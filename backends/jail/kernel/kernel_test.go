package kernel

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// childEnv makes this test binary do something that changes the whole process, and then exec a
// shell that shows the effect.
const childEnv = "BERTH_TEST_JAIL_KERNEL"

func TestMain(m *testing.M) {
	do, ok := children[os.Getenv(childEnv)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := do(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(99)
	}
}

func shell(script string) error {
	return syscall.Exec("/bin/sh", []string{"sh", "-c", script}, []string{"PATH=/bin:/usr/bin"})
}

// show prints which of the descriptors 3 to 6 are open.
const show = `for n in 3 4 5 6; do if test -e /dev/fd/$n; then echo $n; fi; done`

var children = map[string]func() error{
	"descriptors": func() error {
		if err := CloseOnExec(4); err != nil {
			return err
		}
		if err := KeepOnExec(5); err != nil {
			return err
		}
		return shell(show)
	},
	"signals": func() error {
		signal.Ignore(syscall.SIGUSR1, syscall.SIGHUP)
		if err := ResetSignals(); err != nil {
			return err
		}
		return shell(`kill -USR1 $$; echo ignored`)
	},
	"privileges": func() error {
		if err := errors.Join(Shield(), NoNewPrivileges()); err != nil {
			return err
		}
		return shell(`echo shielded`)
	},
}

// run runs a child with four files from descriptor 3 on.
func run(t *testing.T, what string) (string, error) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.ExtraFiles = []*os.File{null, null, null, null}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestDescriptors(t *testing.T) {
	t.Parallel()
	if out, err := run(t, "descriptors"); err != nil || out != "3\n5\n" {
		t.Errorf("%q, %v", out, err)
	}
	if err := KeepOnExec(1 << 20); !errors.Is(err, unix.EBADF) || !strings.HasPrefix(err.Error(), "preserve descriptor 1048576: ") {
		t.Errorf("%v", err)
	}
}

// TestResetSignals checks that an ignored signal ends the program that is executed.
func TestResetSignals(t *testing.T) {
	t.Parallel()
	out, err := run(t, "signals")
	exit := new(exec.ExitError)
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGUSR1 || out != "" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestPrivileges(t *testing.T) {
	t.Parallel()
	if out, err := run(t, "privileges"); err != nil || out != "shielded\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestInteger(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"\x00":                             0,
		"\x01":                             1,
		"\xff":                             255,
		"\x01\x02\x00\x00":                 0x201,
		"\xff\xff\xff\xff":                 1<<32 - 1,
		"\x00\x00\x00\x00\x01\x00\x00\x00": 1 << 32,
		"\xff\xff\xff\xff\xff\xff\xff\xff": 1<<64 - 1,
	} {
		if got, ok := integer([]byte(text)); !ok || got != want {
			t.Errorf("%x: %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "FreeBSD 15.0"} {
		if got, ok := integer([]byte(text)); ok || got != 0 {
			t.Errorf("%q: %d, %t", text, got, ok)
		}
	}
}

func TestMounted(t *testing.T) {
	t.Parallel()
	points, err := Mounted()
	if err != nil || !slices.Contains(points, "/") {
		t.Errorf("%q, %v", points, err)
	}
}

// TestOpenTerminal checks that both sides are those of one terminal, and that no program inherits
// them.
func TestOpenTerminal(t *testing.T) {
	t.Parallel()
	master, slave, err := OpenTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	for _, f := range []*os.File{master, slave} {
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: flags %#x, %v", f.Name(), flags, err)
		}
	}
	if _, err := master.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 100)
	if n, err := slave.Read(data); err != nil || string(data[:n]) != "typed\n" {
		t.Errorf("%q, %v", data[:n], err)
	}
}
