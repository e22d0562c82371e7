package lxcsocket

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAddress checks addresses. lxc-start 6.0.4 listened on the hashed one for a container of that
// name.
func TestAddress(t *testing.T) {
	const path = "/var/lib/lxc"
	fits := strings.Repeat("n", longest-len(path+"/"+command))
	for name, want := range map[string]string{
		"box":      "/var/lib/lxc/box/command",
		fits:       path + "/" + fits + "/command",
		fits + "n": "lxc/93a985c644d947d4/command",
	} {
		if got := address(path, name); got != want || !IsMonitors(got) {
			t.Errorf("%s: %s (%t), want %s", name, got, IsMonitors(got), want)
		}
	}
	for _, other := range []string{"", "/tmp/.X11-unix/X0", "/var/lib/lxc/box/commands", "command", "xlxc/y", "lxc"} {
		if IsMonitors(other) {
			t.Errorf("%q is taken for LXC's", other)
		}
	}
}

func TestLXCPath(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "/var/lib/lxc",
		"lxc.lxcpath = /srv/ct/\n": "/srv/ct",
		"# no\nlxc.lxcpath=/a\nlxc.bdev.lvm.vg = x": "/a",
		"lxc.lxcpath =\n": "/var/lib/lxc",
	} {
		file := filepath.Join(t.TempDir(), "lxc.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lxcPath(file); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := lxcPath("/nonexistent"); got != defaultPath {
		t.Errorf("without a file: %s", got)
	}
}

func TestCheckFree(t *testing.T) {
	const name = "berth-lxcsocket-test"
	if err := CheckFree(name); err != nil {
		t.Fatal(err)
	}
	fd := listening(t, unix.SOCK_STREAM, "@"+Address(name))
	defer unix.Close(fd)
	err := CheckFree(name)
	if err == nil || !strings.Contains(err.Error(), "address already in use: process ") {
		t.Errorf("taken: %v", err)
	}
}

// listening returns a bound socket, which listens unless it is a datagram socket.
func listening(t *testing.T, kind int, at string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: at})
	}
	if err == nil && kind != unix.SOCK_DGRAM {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		t.Fatalf("listen at %s: %v", at, err)
	}
	return fd
}
