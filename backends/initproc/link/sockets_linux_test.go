package link

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// deep makes a directory whose path is longer than a socket's address (unix(7)).
func deep(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBind(t *testing.T) {
	t.Parallel()
	dir := deep(t)
	fd, err := Bind(unix.SOCK_SEQPACKET, dir, "a.sock", 0o640, 4321)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	info, err := os.Lstat(filepath.Join(dir, "a.sock"))
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if info.Mode() != os.ModeSocket|0o640 || st.Uid != 0 || st.Gid != 4321 {
		t.Errorf("mode %v, owner %d:%d", info.Mode(), st.Uid, st.Gid)
	}
	client, err := Dial(unix.SOCK_SEQPACKET, dir, "a.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	for name, fd := range map[string]int{"Bind": fd, "Dial": client} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
			t.Errorf("%s: a program that is started inherits the socket: %#x, %v", name, flags, err)
		}
	}
	if _, err := unix.Write(client, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	server, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(server)
	data := make([]byte, 9)
	if n, err := unix.Read(server, data); err != nil || string(data[:n]) != "hello" {
		t.Errorf("%q arrived, %v", data[:n], err)
	}
	if left := descriptorsBelow(t, dir); left != 0 {
		t.Errorf("%d descriptors of the directory are open", left)
	}
}

// descriptorsBelow counts the test's descriptors of a directory and of what is below it.
func descriptorsBelow(t *testing.T, dir string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if link, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(link, dir) {
			n++
		}
	}
	return n
}

func TestNoSocket(t *testing.T) {
	t.Parallel()
	dir := deep(t)
	fd, err := Bind(unix.SOCK_STREAM, dir, "used", 0o600, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dir, socket  string
		bind, dial, listen error // of Bind, Dial and Waits; for Waits nil is "nobody"
	}{
		{"an old socket", dir, "used", unix.EADDRINUSE, unix.ECONNREFUSED, nil},
		{"a file", dir, "file", unix.EADDRINUSE, unix.ECONNREFUSED, nil},
		{"no directory", dir + "/none", "s", unix.ENOENT, unix.ENOENT, nil},
		{"a file as the directory", dir + "/file", "s", unix.ENOTDIR, unix.ENOTDIR, unix.ENOTDIR},
		{"a missing subdirectory", dir, "none/s", unix.ENOENT, unix.ENOENT, nil},
		{"a long name", dir, strings.Repeat("s", 300), unix.EINVAL, unix.EINVAL, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fd, err := Bind(unix.SOCK_STREAM, c.dir, c.socket, 0o600, 0)
			if fd != -1 || !errors.Is(err, c.bind) || !strings.HasPrefix(say(err), "socket "+c.dir+"/"+c.socket+": ") {
				t.Errorf("Bind: %d, %v", fd, err)
			}
			if fd, err := Dial(unix.SOCK_STREAM, c.dir, c.socket); fd != -1 || !errors.Is(err, c.dial) {
				t.Errorf("Dial: %d, %v", fd, err)
			}
			if waits, err := Waits(c.dir); waits || !errors.Is(err, c.listen) {
				t.Errorf("Waits: %t, %v", waits, err)
			}
		})
	}
}

func TestDialUnix(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "console.sock")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l)
	if err := unix.Bind(l, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if f, err := DialConsole(path); f != nil || !errors.Is(err, unix.ECONNREFUSED) || !strings.HasPrefix(err.Error(), "--console-socket "+path+": ") {
		t.Errorf("a socket on which nobody listens: %v", err)
	}
	if err := unix.Listen(l, 1); err != nil {
		t.Fatal(err)
	}
	f, err := DialConsole(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); f.Name() != path || err != nil || flags != unix.FD_CLOEXEC {
		t.Errorf("%s, flags %#x, %v", f.Name(), flags, err)
	}
	for path, want := range map[string]error{
		path + "x":                     unix.ENOENT,
		"/" + strings.Repeat("x", 200): unix.EINVAL,
		filepath.Dir(path):             unix.ECONNREFUSED,
	} {
		if f, err := DialUnix(path); f != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// terminal opens a new terminal of the host.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	return master
}

func TestResize(t *testing.T) {
	t.Parallel()
	master := terminal(t)
	for _, c := range []struct {
		box  *specs.Box
		want [2]uint16 // rows and columns
	}{
		{nil, [2]uint16{0, 0}},
		{&specs.Box{Height: 24, Width: 80}, [2]uint16{24, 80}},
		{nil, [2]uint16{24, 80}},
		{&specs.Box{}, [2]uint16{0, 0}},
	} {
		if err := Resize(master, c.box); err != nil {
			t.Fatal(err)
		}
		size, err := unix.IoctlGetWinsize(int(master.Fd()), unix.TIOCGWINSZ)
		if err != nil || [2]uint16{size.Row, size.Col} != c.want {
			t.Errorf("%v: %v, %v", c.box, size, err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	field := new(spec.FieldError)
	if err := Resize(w, &specs.Box{Height: 1, Width: 1}); !errors.As(err, &field) || field.Path != "process.consoleSize" || !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a pipe: %v", err)
	}
	if err := Resize(w, nil); err != nil {
		t.Errorf("a pipe that keeps its size: %v", err)
	}
}

func TestSendTerminal(t *testing.T) {
	t.Parallel()
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(ours.FD), "socket")
	defer socket.Close()
	master := terminal(t)
	if err := SendTerminal(socket, master); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 100)
	n, files, err := ReceiveMessage(theirs.FD, data, 1)
	if err != nil || string(data[:n]) != "/dev/ptmx" || len(files) != 1 {
		t.Fatalf("%q with %d files, %v", data[:n], len(files), err)
	}
	defer files[0].Close()
	number := func(f *os.File) int {
		n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got, want := number(files[0]), number(master); got != want {
		t.Errorf("terminal %d arrived and not %d", got, want)
	}
	theirs.Close()
	if err := SendTerminal(socket, master); !errors.Is(err, unix.EPIPE) || !strings.HasPrefix(err.Error(), "send the terminal to the console socket: ") {
		t.Errorf("an engine that has gone: %v", err)
	}
}
