//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// TestDescriptors checks that only stdio, the sockets of LISTEN_FDS and the descriptors of
// --preserve-fds reach the container's process, whatever else berth's caller has open.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		caller int // descriptors of the caller, from 3 on
		listen string
		flags  []string
		want   int // descriptors that arrive
	}{
		{"none", 0, "", nil, 0},
		{"strays", 5, "", nil, 0},
		{"strays and a log", 5, "", []string{"--log"}, 0},
		{"preserved", 2, "", []string{"--preserve-fds", "2"}, 2},
		{"preserved and strays", 5, "", []string{"--preserve-fds", "2"}, 2},
		{"sockets", 2, "2", nil, 2},
		{"sockets and preserved", 3, "1", []string{"--preserve-fds", "2"}, 3},
		// podman counts the sockets among the descriptors of --preserve-fds, too.
		{"sockets counted twice", 1, "1", []string{"--log", "--preserve-fds", "1"}, 1},
	} {
		for _, how := range []string{"create", "run"} {
			t.Run(how+" "+c.name, func(t *testing.T) {
				t.Parallel()
				if c.listen != "" && isPeer() {
					t.Skip("runc wants to be LISTEN_PID")
				}
				b := newBox(t, "ls /proc/1/fd; ls -l /proc/1/fd >/out/long; for i in 3 4 5; do [ -e /proc/1/fd/$i ] && cat <&$i; done; true")
				var args []string
				flags := slices.Clone(c.flags)
				if len(flags) > 0 && flags[0] == "--log" {
					args, flags = []string{"--log", filepath.Join(b.out, "log")}, flags[1:]
				}
				if how == "create" {
					args = append(args, b.createArgs(flags...)...)
				} else {
					args = append(append(append(args, "run", "--bundle", b.bundle), flags...), b.id)
				}
				cmd := b.command(args...)
				for i := range c.caller {
					cmd.ExtraFiles = append(cmd.ExtraFiles, textFile(t, fmt.Sprintf("<%d>", i)))
				}
				cmd.Env = os.Environ()
				if c.listen != "" {
					cmd.Env = append(cmd.Env, "LISTEN_FDS="+c.listen)
				}
				var stdout string
				if how == "create" {
					b.createWith(cmd)
					b.start()
					b.wait()
					stdout = b.said("stdout")
				} else {
					o := suite.Execute(t, cmd)
					if stdout = o.Stdout; o.Status != 0 {
						t.Fatalf("run: status %d: %s", o.Status, o.Stderr)
					}
				}
				want := "0\n1\n2\n"
				for i := range c.want {
					want += strconv.Itoa(3+i) + "\n"
				}
				for i := range c.want {
					want += fmt.Sprintf("<%d>", i)
				}
				if stdout != want {
					long, _ := os.ReadFile(filepath.Join(b.out, "long"))
					t.Errorf("the process has %q, want %q\n%s", stdout, want, long)
				}
			})
		}
	}
	t.Run("not open", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "exit 0")
		if o := b.run("--preserve-fds", "9"); o.Status != 1 {
			t.Errorf("status %d, stderr %q", o.Status, o.Stderr)
		}
		for _, n := range []string{"-1", "99999999", "x"} {
			if o := b.run("--preserve-fds", n); o.Status != 1 && !isPeer() {
				t.Errorf("%s: status %d, stderr %q", n, o.Status, o.Stderr)
			}
		}
	})
}

// textFile returns an open file that contains a text.
func textFile(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(suite.Dir(), "fd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); os.Remove(f.Name()) })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestListenPid checks that LISTEN_PID is the pid inside the container, whatever the caller's is.
func TestListenPid(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, `echo "$LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES"`)
	cmd := b.command("run", "--bundle", b.bundle, b.id)
	cmd.ExtraFiles = []*os.File{textFile(t, "")}
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_PID=12345")
	if o := suite.Execute(t, cmd); o.Status != 0 || o.Stdout != "1 1 \n" {
		t.Errorf("status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
	}
}

func TestConsoleSocket(t *testing.T) {
	t.Parallel()
	terminal := func(s *specs.Spec) {
		s.Process.Terminal = true
		s.Process.ConsoleSize = &specs.Box{Height: 31, Width: 97}
	}
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "tty; stty size; ls -l /dev/console; ls /proc/1/fd; read line; echo got $line; exit 5", terminal)
		r := suite.Listen(t)
		b.create("--console-socket", r.Path)
		master, name := r.Receive(t)
		if !strings.HasPrefix(name, "/dev/p") {
			t.Errorf("the message with the terminal is %q", name)
		}
		b.start()
		if _, err := master.Write([]byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		ws := b.wait()
		got := strings.ReplaceAll(readAll(t, nonblocking(t, master)), "\r", "")
		lines := strings.Split(got, "\n")
		if ws.ExitStatus() != 5 {
			t.Errorf("ended with %#x", ws)
		}
		for _, want := range []string{"31 97", "got hello", "0  1  2"} {
			if !slices.Contains(lines, want) {
				t.Errorf("no line %q in %q", want, got)
			}
		}
		if out := b.said("stdout"); out != "" {
			t.Errorf("the caller's stdout got %q", out)
		}
	})
	t.Run("controlling terminal", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "trap 'exit 42' INT; echo ready; while :; do sleep 0.05; done", terminal)
		r := suite.Listen(t)
		b.create("--console-socket", r.Path)
		master, _ := r.Receive(t)
		b.start()
		buffer := make([]byte, 64)
		if n, err := master.Read(buffer); err != nil || !strings.HasPrefix(string(buffer[:n]), "ready") {
			t.Fatalf("%q, %v", buffer[:n], err)
		}
		if _, err := master.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		if ws := b.wait(); ws.ExitStatus() != 42 {
			t.Errorf("after ^C it ended with %#x", ws)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "exit 0", terminal)
		b.refused("cannot allocate tty if", b.createArgs()...)
		b.refused("", b.createArgs("--console-socket", "/nonexistent/socket")...)
		b.spec.Process.Terminal = false
		b.write()
		b.refused("cannot use console socket if", b.createArgs("--console-socket", suite.Listen(t).Path)...)
		b.refused("does not exist", "state", b.id)
	})
}

// nonblocking duplicates a file in non-blocking mode, so deadlines work on it.
func nonblocking(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	g := os.NewFile(uintptr(fd), f.Name())
	t.Cleanup(func() { g.Close() })
	return g
}

func TestPidfdSocket(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "exit 0")
	r := suite.Listen(t)
	b.create("--pidfd-socket", r.Path)
	pidfd, _ := r.Receive(t)
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd.Fd()))
	if err != nil || !strings.Contains(string(info), fmt.Sprintf("\nPid:\t%d\n", b.pid)) {
		t.Errorf("the descriptor is not a pidfd of %d: %v: %s", b.pid, err, info)
	}
}

// TestKeyring checks that the container gets its own session keyring, named as runc names it, and
// keeps the caller's with --no-new-keyring.
func TestKeyring(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprint("own ", own), func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "cat /proc/keys")
			var flags []string
			if !own {
				flags = []string{"--no-new-keyring"}
			}
			o := b.run(flags...)
			if o.Status != 0 {
				t.Fatalf("status %d, stderr %q", o.Status, o.Stderr)
			}
			if got := strings.Contains(o.Stdout, "_ses."+b.id); got != own {
				t.Errorf("a keyring of its own: %v; /proc/keys: %s", got, o.Stdout)
			}
		})
	}
}

// TestPidFile checks that create fails and leaves nothing if it cannot write the pid file, and that
// the pid in the file is a child of the subreaper.
func TestPidFile(t *testing.T) {
	t.Parallel()
	b := newBox(t, "exit 0")
	b.refused("", "create", "--bundle", b.bundle, "--pid-file", "/nonexistent/pid", b.id)
	b.refused("container does not exist", "state", b.id)
	b.create()
	if p, err := suite.ReadProcess(b.pid); err != nil || p.Parent != os.Getpid() {
		t.Errorf("process %d is a child of %d (%v), not of the subreaper %d", b.pid, p.Parent, err, os.Getpid())
	}
}
