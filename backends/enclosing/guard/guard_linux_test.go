package guard

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/backends/process"
)

// If the kernel cannot keep a container from LXC's command sockets, a container that could reach
// one is refused, and no other.
func TestUnguarded(t *testing.T) {
	old := loadGuard
	defer func() { loadGuard = old }()
	loadGuard = func() (*lxcsocket.Guard, error) {
		return nil, fmt.Errorf("%w: bpf: invalid argument", lxcsocket.ErrUnsupported)
	}
	own := []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.NetworkNamespace, Path: "/proc/self/ns/net"}}
	fresh := []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	user := specs.LinuxNamespace{Type: specs.UserNamespace}
	shifted := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	root := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}, {ContainerID: 1000, HostID: 0, Size: 1}}
	for name, c := range map[string]struct {
		linux specs.Linux
		path  string // of the problem; "" for none
	}{
		"a new network namespace":               {specs.Linux{Namespaces: fresh}, ""},
		"the host's":                            {specs.Linux{}, "linux.namespaces"},
		"berth's own, by path":                  {specs.Linux{Namespaces: own}, "linux.namespaces[1].path"},
		"with a user namespace":                 {specs.Linux{Namespaces: append(own, user), UIDMappings: shifted}, ""},
		"with one that maps the host's root":    {specs.Linux{Namespaces: append(own, user), UIDMappings: root}, "linux.namespaces[1].path"},
		"the host's, with the host's root, too": {specs.Linux{Namespaces: []specs.LinuxNamespace{user}, UIDMappings: root}, "linux.namespaces"},
	} {
		s := &specs.Spec{Linux: &c.linux}
		err := Preflight(s)
		if c.path == "" && err == nil {
			continue
		}
		if !errors.Is(err, lxcsocket.ErrUnsupported) || c.path == "" || !strings.HasPrefix(err.Error(), c.path+": ") {
			t.Errorf("%s: %v, want %q", name, err, c.path)
			continue
		}
		for _, word := range []string{"Linux 6.7", "user namespace", "crun"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %q", name, err, word)
			}
		}
	}
}

// clone3 is taken away where a monitor listens, and nowhere else.
func TestKeepInCgroup(t *testing.T) {
	inNew := func(at string) *os.File {
		var ns *os.File
		err := osthread.Run(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return nil
			}
			ns, _ = os.Open("/proc/thread-self/ns/net")
			if at == "" {
				return nil
			}
			l, err := net.Listen("unix", at)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if ns == nil {
			t.Skip("network namespaces need root")
		}
		t.Cleanup(func() { ns.Close() })
		return ns
	}
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	_, err = os.Stat("/proc/1/ns/net")
	unseen := err != nil // process 1 has more rights
	shared := []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/run/netns/x"}}
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		network    *os.File
		want       bool
	}{
		"a new one":                    {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace}}, nil, false},
		"the host's":                   {nil, nil, true},
		"berth's own":                  {shared, own, true},
		"a pod's":                      {shared, inNew(""), unseen},
		"one with somebody's socket":   {shared, inNew("@/tmp/.X11-unix/X0"), unseen},
		"one in which a monitor is":    {shared, inNew("@/var/lib/lxc/a/command"), true},
		"one in which lxc-monitord is": {shared, inNew("@lxc/0123456789abcdef//var/lib/lxc"), true},
	} {
		var a process.Attributes
		if err := KeepInCgroup(&a, &specs.Spec{Linux: &specs.Linux{Namespaces: c.namespaces}}, c.network); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := a.Seccomp != nil; got != c.want {
			t.Errorf("%s: a filter: %v, want %v", name, got, c.want)
		}
	}
}

// A descriptor that leads to a command socket is refused.
func TestCheckDescriptors(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	loose := looseSocket(t)
	if err := CheckDescriptors([3]*os.File{null, null, null}, 0); err != nil {
		t.Error(err)
	}
	err = CheckDescriptors([3]*os.File{null, loose, null}, 0)
	if !errors.Is(err, lxcsocket.ErrOpenSocket) || !strings.HasPrefix(err.Error(), "descriptor 1: ") {
		t.Error(err)
	}
}

func looseSocket(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	t.Cleanup(func() { f.Close() })
	return f
}

// doctor, features and explain say the same about a kernel.
func TestSocketsTold(t *testing.T) {
	old, oldDelegate := loadGuard, namespacesDelegate
	defer func() { loadGuard, namespacesDelegate = old, oldDelegate }()
	s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/proc/self/ns/net"}}}}
	for name, c := range map[string]struct {
		guard             *lxcsocket.Guard
		err               error
		delegate          bool
		verdict           backends.Verdict
		feature, explains string
	}{
		"precise":            {&lxcsocket.Guard{}, nil, true, backends.Pass, "refused", "@…/command"},
		"coarse":             {&lxcsocket.Guard{Coarse: true}, nil, true, backends.Pass, "refused with others", "@/…"},
		"without nsdelegate": {&lxcsocket.Guard{}, nil, false, backends.Warn, "refused", "@…/command"},
		"neither":            {nil, lxcsocket.ErrUnsupported, true, backends.Warn, "not refused: ", "this kernel cannot"},
	} {
		namespacesDelegate = func() (bool, error) { return c.delegate, nil }
		loadGuard = func() (*lxcsocket.Guard, error) {
			return c.guard, c.err
		}
		if f := Diagnose(); f.Verdict != c.verdict {
			t.Errorf("%s: %+v", name, f)
		}
		if got := Feature(); !strings.HasPrefix(got, c.feature) || c.err == nil && got != c.feature {
			t.Errorf("%s: %q", name, got)
		}
		lines := Explain(s)
		if c.err == nil {
			if len(lines) != 2 || !strings.Contains(lines[1].Text, "clone3") || lines[1].From != lines[0].From {
				t.Errorf("%s: %+v", name, lines)
			}
			lines = lines[:1]
		}
		if len(lines) != 1 || !strings.Contains(lines[0].Text, c.explains) || lines[0].From != "linux.namespaces[0]" {
			t.Errorf("%s: %+v", name, lines)
		}
	}
}
