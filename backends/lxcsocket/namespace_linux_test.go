package lxcsocket

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
)

// inNew calls f in a new network namespace and returns the namespace's file.
func inNew(t *testing.T, f func()) *os.File {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	var ns *os.File
	err := osthread.Run(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		ns, err = os.Open(ownNetwork)
		f()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func TestMonitors(t *testing.T) {
	ns := inNew(t, func() {})
	if list, err := Monitors(ns); err != nil || len(list) > 0 {
		t.Errorf("an empty namespace: %q, %v", list, err)
	}
	ns = inNew(t, func() {
		for _, at := range []string{"@/srv/lxc/a b/command", "@lxc/0123456789abcdef/command", "@/tmp/.X11-unix/X0"} {
			fd := listening(t, unix.SOCK_STREAM, at)
			t.Cleanup(func() { unix.Close(fd) })
		}
	})
	list, err := Monitors(ns)
	slices.Sort(list)
	if want := []string{"/srv/lxc/a b/command", "lxc/0123456789abcdef/command"}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%q, %v; want %q", list, err, want)
	}
}

func TestHome(t *testing.T) {
	_, readable := os.Stat("/proc/1/ns/net") // not if process 1 has more privileges
	if home, err := Home(inNew(t, func() {})); (err != nil) != (readable != nil) || home != "" {
		t.Errorf("a new namespace: %q, %v", home, err)
	}
	own, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if home, err := Home(own); err != nil || home != "berth's own" {
		t.Errorf("berth's own: %q, %v", home, err)
	}
}

// TestCheckDescriptor checks that only a socket is refused that could be connected to a command
// socket.
func TestCheckDescriptor(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	socket := func(domain, kind int) int {
		fd, err := unix.Socket(domain, kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fd   int
		want error
	}{
		"a file":                {null, nil},
		"a pair":                {pair[0], nil},
		"one that listens":      {listening(t, unix.SOCK_STREAM, ""), nil},
		"a datagram socket":     {socket(unix.AF_UNIX, unix.SOCK_DGRAM), nil},
		"a packet socket":       {socket(unix.AF_UNIX, unix.SOCK_SEQPACKET), nil},
		"TCP":                   {socket(unix.AF_INET, unix.SOCK_STREAM), nil},
		"connected to nothing":  {socket(unix.AF_UNIX, unix.SOCK_STREAM), ErrOpenSocket},
		"a descriptor not open": {1 << 20, nil},
	} {
		if err := CheckDescriptor(c.fd); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		unix.Close(c.fd)
	}
}
