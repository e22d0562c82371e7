package namespace

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Only a namespace of the right type is opened. A file that is none is not even opened: a FIFO would
// block, and a device may act.
func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Symlink("/proc/self/ns/net", link)); err != nil {
		t.Fatal(err)
	}
	for path, c := range map[string]struct {
		flag int
		want error
	}{
		"/proc/self/ns/net":           {unix.CLONE_NEWNET, nil},
		link:                          {unix.CLONE_NEWNET, nil},
		"/proc/self/ns/ipc":           {unix.CLONE_NEWNET, errWrongType},
		"/proc/self/ns":               {unix.CLONE_NEWNET, errNoNamespace},
		"/proc/self/status":           {unix.CLONE_NEWNET, errNoNamespace},
		os.DevNull:                    {unix.CLONE_NEWNET, errNoNamespace},
		fifo:                          {unix.CLONE_NEWNET, errNoNamespace},
		dir:                           {unix.CLONE_NEWNET, errNoNamespace},
		filepath.Join(dir, "nosuch"):  {unix.CLONE_NEWNET, os.ErrNotExist},
		"":                            {unix.CLONE_NEWNET, os.ErrNotExist},
		filepath.Join(fifo, "ns/net"): {unix.CLONE_NEWNET, unix.ENOTDIR},
		strings.Repeat("x/", 3000):    {unix.CLONE_NEWNET, unix.ENAMETOOLONG},
	} {
		f, err := Open(path, c.flag)
		if !errors.Is(err, c.want) || (f == nil) != (c.want != nil) {
			t.Errorf("%.60s: %v, %v, want %v", path, f, err, c.want)
		}
		f.Close()
	}
}

// Errors name the field, and a type that berth does not know is left to the check of config.json.
func TestOpenAll(t *testing.T) {
	t.Parallel()
	own := func(t specs.LinuxNamespaceType, name string) specs.LinuxNamespace {
		return specs.LinuxNamespace{Type: t, Path: "/proc/self/ns/" + name}
	}
	for name, c := range map[string]struct {
		list []specs.LinuxNamespace
		open []specs.LinuxNamespaceType
		want string
	}{
		"none":         {},
		"new ones":     {list: []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}},
		"two":          {list: []specs.LinuxNamespace{own(specs.NetworkNamespace, "net"), {Type: specs.PIDNamespace}, own(specs.IPCNamespace, "ipc")}, open: []specs.LinuxNamespaceType{specs.IPCNamespace, specs.NetworkNamespace}},
		"another type": {list: []specs.LinuxNamespace{own(specs.NetworkNamespace, "net"), own(specs.UTSNamespace, "ipc")}, want: "linux.namespaces[1].path: /proc/self/ns/ipc for a namespace of type uts: "},
		"unknown":      {list: []specs.LinuxNamespace{own("other", "nosuch")}},
	} {
		open, err := OpenAll(&specs.Spec{Linux: &specs.Linux{Namespaces: c.list}})
		var kinds []specs.LinuxNamespaceType
		for kind := range open {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		if !slices.Equal(kinds, c.open) || (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %v, %q", name, kinds, err, c.open, c.want)
		}
		for _, kind := range c.open {
			if _, err := os.Stat(open.Path(kind)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if path := open.Path("other"); path != "" {
			t.Errorf("%s: %s", name, path)
		}
		open.Close()
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	list := []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}}
	for want, s := range map[string]*specs.Spec{
		"linux.namespaces[1]": {Linux: &specs.Linux{Namespaces: list}},
		"linux.namespaces":    {},
	} {
		if got := Field(s, specs.NetworkNamespace); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A namespace belongs to the user namespace that it was made in, and to none that is still to come.
func TestBelongs(t *testing.T) {
	t.Parallel()
	network, err1 := os.Open("/proc/self/ns/net")
	user, err2 := os.Open("/proc/self/ns/user")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	defer user.Close()
	if is, err := Belongs(network, nil); is || err != nil {
		t.Errorf("a new one: %v, %v", is, err)
	}
	if is, err := Belongs(network, network); is || err != nil {
		t.Errorf("another: %v, %v", is, err)
	}
	if _, err := Belongs(network, user); err != nil {
		t.Error(err)
	}
	cgroups, err := os.Open("/proc/self/ns/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	defer cgroups.Close()
	if is, err := HostCgroups(cgroups); !is || err != nil {
		t.Errorf("berth's own cgroup namespace: %v, %v", is, err)
	}
	if is, err := HostCgroups(network); is || err != nil {
		t.Errorf("another namespace: %v, %v", is, err)
	}
}
