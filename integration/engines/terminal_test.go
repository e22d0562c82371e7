//go:build linux

package engines

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"
)

// terminal is a program on a terminal that the test operates.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master console.Console
	path   string // of the side that the program has
	ended  chan error

	mu     sync.Mutex
	output strings.Builder
	seen   int
}

// onTerminal starts a program on a new terminal of 37 rows and 101 columns.
func onTerminal(t *testing.T, argv ...string) *terminal {
	t.Helper()
	master, path, err := console.NewPty()
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	x := &terminal{t: t, master: master, path: path, ended: make(chan error, 1)}
	x.resize(37, 101)
	x.cmd = exec.Command(argv[0], argv[1:]...)
	x.cmd.Env = append(os.Environ(), "TERM=xterm")
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.read()
	go func() { x.ended <- x.cmd.Wait() }()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = master.Close()
	})
	return x
}

func (x *terminal) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := x.master.Read(buffer)
		x.mu.Lock()
		x.output.Write(buffer[:n])
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) resize(rows, columns uint16) {
	x.t.Helper()
	if err := x.master.Resize(console.WinSize{Height: rows, Width: columns}); err != nil {
		x.t.Fatal(err)
	}
}

// expect waits for output that matches, after the output that was expected before.
func (x *terminal) expect(pattern string) {
	x.t.Helper()
	x.prod(pattern, nil)
}

// prod calls do once a second until the output matches, because the program may not be ready for
// the first call. If do is nil, prod only waits.
func (x *terminal) prod(pattern string, do func()) {
	x.t.Helper()
	want := regexp.MustCompile(pattern)
	deadline, next := time.Now().Add(*patience), time.Now()
	for ; ; time.Sleep(20 * time.Millisecond) {
		x.mu.Lock()
		all := x.output.String()
		x.mu.Unlock()
		if at := want.FindStringIndex(all[x.seen:]); at != nil {
			x.seen += at[1]
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("%s: %q did not appear; there is %q", x.cmd, pattern, all[x.seen:])
		}
		if do != nil && time.Now().After(next) {
			do()
			next = time.Now().Add(time.Second)
		}
	}
}

// resizeUntil resizes the terminal to 50 rows and 120 columns again and again until the output
// matches.
func (x *terminal) resizeUntil(pattern string) {
	x.t.Helper()
	x.prod(pattern, func() {
		x.resize(49, 120) // setting the same size again would have no effect
		x.resize(50, 120)
	})
}

// interruptUntil presses Ctrl-C again and again until the output matches.
func (x *terminal) interruptUntil(pattern string) {
	x.t.Helper()
	x.prod(pattern, func() { x.send("\x03") })
}

func (x *terminal) send(keys string) {
	x.t.Helper()
	if _, err := x.master.Write([]byte(keys)); err != nil {
		x.t.Fatal(err)
	}
}

// taken waits until the program has read all keys that were sent. The terminal must be in raw mode.
func (x *terminal) taken() {
	x.t.Helper()
	slave, err := os.OpenFile(x.path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		x.t.Fatal(err)
	}
	defer slave.Close()
	eventually(x.t, "the keys are read", func() bool {
		n, err := unix.IoctlGetInt(int(slave.Fd()), unix.TIOCINQ)
		return err == nil && n == 0
	})
}

// status waits for the program's end, and returns its exit status.
func (x *terminal) status() int {
	x.t.Helper()
	select {
	case <-x.ended:
		return x.cmd.ProcessState.ExitCode()
	case <-time.After(*patience):
		x.t.Fatalf("%s: not over after %v", x.cmd, *patience)
		return -1
	}
}
