package link

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests of Serve run it in a process of its own, because it does not return. The process is
// this test binary with serveEnv in its environment; descriptor 3 is the listening socket.
const serveEnv = "BERTH_TEST_LINK_SERVE"

func TestMain(m *testing.M) {
	switch how := os.Getenv(serveEnv); {
	case how == "":
		os.Exit(m.Run())
	case strings.HasPrefix(how, "inherit "):
		inherit(how)
	default:
		Serve(3, func() error { return launch(how) })
	}
}

// launch is what the process runs at start.
func launch(how string) error {
	fmt.Println("launched")
	switch how {
	case "exec":
		return unix.Exec("/bin/true", []string{"true"}, nil)
	case "listener":
		// Any descriptor will do for the listener of a filter.
		if err := HandListener(3, 1); err != nil {
			return fmt.Errorf("hand: %w", err)
		}
		return unix.Exec("/bin/true", []string{"true"}, nil)
	case "ENOENT":
		return &os.PathError{Op: "exec", Path: "/nowhere", Err: unix.ENOENT}
	case "EACCES":
		return &os.PathError{Op: "exec", Path: "/etc", Err: unix.EACCES}
	case "ENOEXEC":
		return &os.PathError{Op: "exec", Path: "/etc/passwd", Err: unix.ENOEXEC}
	case "long":
		return errors.New(strings.Repeat("long ", 100000))
	}
	return errors.New(how)
}

// served is a process that is in Serve.
type served struct {
	dir    string
	cmd    *exec.Cmd
	output *bufio.Reader
}

func serve(t *testing.T, how string) *served {
	t.Helper()
	s := &served{dir: deep(t), cmd: exec.Command("/proc/self/exe")}
	l, err := Listen(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.cmd.Env = append(os.Environ(), serveEnv+"="+how)
	s.cmd.ExtraFiles = []*os.File{l}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.output = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// end waits for the end of the process and returns its status.
func (s *served) end(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	_, _ = io.Copy(io.Discard, s.output)
	exit := new(exec.ExitError)
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// waits checks what Waits reports. A child that another test is about to start can have the
// listening socket open for a moment.
func (s *served) waits(t *testing.T, want bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		waits, err := Waits(s.dir)
		if err != nil || waits != want && (want || time.Now().After(deadline)) {
			t.Errorf("Waits is %t (%v) and not %t", waits, err, want)
			return
		}
		if waits == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	for how, c := range map[string]struct {
		want   string
		status int
	}{
		"exec":      {"", 0},
		"ENOENT":    {"exec /nowhere: no such file or directory", 127},
		"EACCES":    {"exec /etc: permission denied", 126},
		"ENOEXEC":   {"exec /etc/passwd: exec format error", 126},
		"a message": {"a message", 1},
		"listener":  {errNoListener.Error(), 1},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := serve(t, how)
			for range 3 { // look, as state does
				s.waits(t, true)
			}
			if err := Start(s.dir, nil); say(err) != c.want {
				t.Errorf("Start: %v\nwant: %s", err, c.want)
			}
			if line, _ := s.output.ReadString('\n'); line != "launched\n" {
				t.Errorf("the process has printed %q", line)
			}
			if status := s.end(t); status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			s.waits(t, false)
			_, err := os.Lstat(filepath.Join(s.dir, startSocket))
			if gone := errors.Is(err, os.ErrNotExist); gone != (c.want == "") {
				t.Errorf("the socket: %v", err)
			}
			if err := Start(s.dir, nil); err == nil || !strings.HasPrefix(err.Error(), "connect to the container's process: ") {
				t.Errorf("the second Start: %v", err)
			}
		})
	}
}

// TestServeLongError checks that a long error arrives shortened, and does not stop the process.
func TestServeLongError(t *testing.T) {
	t.Parallel()
	s := serve(t, "long")
	err := Start(s.dir, nil)
	if text := say(err); !strings.HasPrefix(text, "long long ") || len(text) < 1000 || len(text) > 1<<16 {
		t.Errorf("%d bytes arrived: %.40s", len(text), text)
	}
	if status := s.end(t); status != 1 {
		t.Errorf("exit status %d", status)
	}
}

// TestServeListener passes on the listener of a seccomp filter, or fails to.
func TestServeListener(t *testing.T) {
	t.Parallel()
	errAgent := errors.New("the agent has gone")
	for name, agent := range map[string]error{"passed on": nil, "refused": errAgent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "listener")
			calls := 0
			err := Start(s.dir, func(f *os.File) error {
				calls++
				if st := new(unix.Stat_t); unix.Fstat(int(f.Fd()), st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
					t.Error("another file than the process's stdout arrived")
				}
				return agent
			})
			if !errors.Is(err, agent) || calls != 1 {
				t.Errorf("Start: %v after %d calls", err, calls)
			}
			if status := s.end(t); (status == 0) != (agent == nil) {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// TestServeNothing closes the listening socket of a process in Serve.
func TestServeNothing(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), serveEnv+"=exec")
	cmd.ExtraFiles = []*os.File{r}
	out, err := cmd.Output()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || len(out) > 0 {
		t.Errorf("%v, %q", err, out)
	}
}

// TestWaitsFull checks a stopped process, which accepts no connection and whose queue is full.
func TestWaitsFull(t *testing.T) {
	t.Parallel()
	dir := deep(t)
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for {
		fd, err := Dial(unix.SOCK_STREAM|unix.SOCK_NONBLOCK, dir, startSocket)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
	}
	if waits, err := Waits(dir); err != nil || !waits {
		t.Errorf("%t, %v", waits, err)
	}
}

// TestStartAnswers plays a first process that start talks to, which may be a hostile one.
func TestStartAnswers(t *testing.T) {
	t.Parallel()
	send := func(c Conn, data string, files int) error {
		fds := make([]int, files)
		for i := range fds {
			fds[i] = 0
		}
		return unix.Sendmsg(c.FD, []byte(data), unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
	}
	answer := func(c Conn, want byte) error {
		got := make([]byte, 1)
		if err := c.read(got); err != nil || got[0] != want {
			return fmt.Errorf("start answers %d and not %d (%w)", got[0], want, err)
		}
		return nil
	}
	for name, c := range map[string]struct {
		first     func(Conn) error
		listeners int // how many start passes on
		want      string
	}{
		"the exec": {first: func(Conn) error { return nil }},
		"an error in parts": {first: func(c Conn) error {
			return errors.Join(c.write([]byte("no ")), c.write([]byte("such file")))
		}, want: "no such file"},
		"a listener": {first: func(c Conn) error { return errors.Join(send(c, "\x00", 1), answer(c, 1)) }, listeners: 1},
		"an error after a listener": {first: func(c Conn) error {
			return errors.Join(send(c, "\x00", 1), answer(c, 1), c.write([]byte("exec: no")))
		}, listeners: 1, want: "exec: no"},
		"many listeners": {first: func(c Conn) error {
			return errors.Join(send(c, "\x00", 1), answer(c, 1), send(c, "\x00", 1), answer(c, 1))
		}, listeners: 2},
		"two at once": {first: func(c Conn) error { return send(c, "\x00", 2) },
			want: "the container's process: received 2 descriptors instead of at most 1"},
		"a hundred at once": {first: func(c Conn) error { return send(c, "\x00", 100) },
			want: "the container's process: " + errLost.Error()},
		"gone before the answer": {first: func(c Conn) error { return send(c, "\x00", 1) }, listeners: 1,
			want: "answer the container's process: the other end has closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := deep(t)
			l, err := Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			closed := make(chan struct{})
			go func() {
				done <- func() error {
					defer l.Close()
					fd, _, err := unix.Accept4(int(l.Fd()), unix.SOCK_CLOEXEC)
					if err != nil {
						return err
					}
					defer close(closed)
					defer unix.Close(fd)
					return errors.Join(answer(Conn{fd}, 1), c.first(Conn{fd}))
				}()
			}()
			listeners := 0
			err = Start(dir, func(*os.File) error {
				if listeners++; strings.HasPrefix(name, "gone") {
					<-closed
				}
				return nil
			})
			if say(err) != c.want || listeners != c.listeners {
				t.Errorf("Start: %v after %d listeners\nwant: %s after %d", err, listeners, c.want, c.listeners)
			}
			if err := <-done; err != nil {
				t.Errorf("the first process: %v", err)
			}
		})
	}
}

// TestHandListener plays start for HandListener.
func TestHandListener(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start script
		want  error
	}{
		"passed on":              {script{[]byte{1}}, nil},
		"refused":                {script{[]byte{0}}, errRefused},
		"start has gone":         {script{}, ErrPeerGone},
		"start has gone at once": {nil, ErrPeerGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, wait := firstProcess(t, func(conn Conn) error {
				if c.start == nil {
					return nil
				}
				_, files, err := ReceiveMessage(conn.FD, make([]byte, 1), 1)
				if closeAll(files); err != nil || len(files) != 1 {
					return fmt.Errorf("%d listeners arrived, %w", len(files), err)
				}
				return c.start.play(conn)
			})
			if err := HandListener(h.Conn.FD, 0); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			wait()
		})
	}
	if err := HandListener(0, -1); err == nil {
		t.Error("no descriptor is sent")
	}
}
