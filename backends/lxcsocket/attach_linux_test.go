package lxcsocket

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/integration/cgroups"
)

func TestMain(m *testing.M) { cgroups.Main(m) }

// made makes a cgroup and opens it.
func made(t *testing.T, path string) *cgroup.Group {
	t.Helper()
	g, err := cgroup.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
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
			limits := made(t, cgroups.New(t))
			inner := made(t, limits.Path()+"/inner")
			g, err := load(code)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := g.Attach(limits, inner); err != nil {
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
func call(t *testing.T, group *cgroup.Group, address string) map[string]error {
	t.Helper()
	stream, datagram, err := socketsIn(group)
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
			group := made(t, cgroups.New(t))
			g, err := load(asm.Instructions{asm.Mov.Imm(asm.R0, c.answer), asm.Return()})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := g.Attach(group, group); !errors.Is(err, c.want) {
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
