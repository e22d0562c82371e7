package lxcsocket

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// newCgroup creates a cgroup, wherever cgroup v2 is mounted, and returns its directory.
func newCgroup(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("cgroups and BPF need root")
	}
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup2"))
	if err != nil || len(mounts) == 0 {
		t.Fatalf("no cgroup v2: %v", err)
	}
	dir, err := os.MkdirTemp(mounts[0].Mountpoint, "lxcsocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

const (
	calm   = iota // both programs let it through
	listed        // both programs refuse it
	broad         // only the coarse program refuses it
)

var addresses = map[string]int{
	"/var/lib/lxc/box/command":          listed,
	"/command":                          listed,
	"lxc/0123456789abcdef/command":      listed,
	"lxc/0123456789abcdef//var/lib/lxc": listed,
	"lxc/":                              listed,
	"/" + strings.Repeat("n", longest-1-len(command)) + command: listed,
	"/" + strings.Repeat("n", 105-len(command)) + command:       listed, // the longest that package unix accepts
	"/var/lib/lxc/box/command\x00":                              broad,
	"/tmp/.X11-unix/X0":                                         broad,
	"/var/lib/lxc/box/commands":                                 broad,
	"/ommand":                                                   broad,
	"lxc":                                                       broad,
	"l":                                                         broad,
	"":                                                          calm,
	"x":                                                         calm,
	"xlxc/a":                                                    calm,
	"command":                                                   calm,
	"org.example/box":                                           calm,
}

// TestAttach checks which addresses the kernel refuses to sockets of a cgroup below the one that
// the programs are attached to, and that it treats stream and datagram sockets alike.
func TestAttach(t *testing.T) {
	for name, code := range map[string]asm.Instructions{"precise": precise(), "coarse": coarse()} {
		t.Run(name, func(t *testing.T) {
			dir := newCgroup(t)
			inner := filepath.Join(dir, "inner")
			if err := os.Mkdir(inner, 0o755); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(inner)
			g, err := load(code)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := g.Attach(dir, inner); err != nil {
				t.Fatal(err)
			}
			for address, class := range addresses {
				want := unix.ECONNREFUSED
				if class == listed || class == broad && name == "coarse" {
					want = unix.EPERM
				}
				for kind, err := range call(t, inner, address) {
					if !errors.Is(err, want) {
						t.Errorf("%s to %q: %v, want %v", kind, address, err, want)
					}
				}
			}
		})
	}
}

// call connects and sends to an abstract address with sockets of a cgroup, and returns the errors
// by what was called.
func call(t *testing.T, cgroup, address string) map[string]error {
	t.Helper()
	dir, err := os.Open(cgroup)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	stream, datagram, err := socketsIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	defer datagram.Close()
	at := &unix.SockaddrUnix{Name: "@" + address}
	if address == "" {
		at.Name = "\x00"
	}
	return map[string]error{
		"connect":          unix.Connect(int(stream.Fd()), at),
		"connect datagram": unix.Connect(int(datagram.Fd()), at),
		"send":             unix.Sendto(int(datagram.Fd()), []byte{1}, 0, at),
	}
}

// TestAttachTries checks that Attach fails with a program that lets everything or nothing through.
func TestAttachTries(t *testing.T) {
	for name, c := range map[string]struct {
		answer int32
		want   error
	}{"lets all through": {allowed, errNotRefused}, "lets nothing through": {refused, errAllRefused}} {
		t.Run(name, func(t *testing.T) {
			dir := newCgroup(t)
			g, err := load(asm.Instructions{asm.Mov.Imm(asm.R0, c.answer), asm.Return()})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := g.Attach(dir, dir); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestLoadUnsupported checks that a program that the kernel does not accept is an error.
func TestLoadUnsupported(t *testing.T) {
	if _, err := load(asm.Instructions{asm.Return()}); err == nil {
		t.Error("a program without an answer was loaded")
	}
	g, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
	if g.Coarse {
		t.Log("this kernel has the coarse program only")
	}
}
