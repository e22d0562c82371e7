package lxcconf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/spec"
)

// newJob returns a job for a container in a state directory, with these namespaces.
func newJob(dir string, namespaces ...specs.LinuxNamespace) *enclosure.Job {
	return &enclosure.Job{
		Container: &backends.Container{ID: "c", Root: filepath.Dir(dir), Dir: dir},
		Spec:      &specs.Spec{Linux: &specs.Linux{Namespaces: namespaces}},
		Data:      &enclosure.Data{Name: "berth-c", Cgroup: "/berth/c"},
		InitPid:   7,
	}
}

func namespaceOf(kind specs.LinuxNamespaceType, path string) specs.LinuxNamespace {
	return specs.LinuxNamespace{Type: kind, Path: path}
}

// TestCommon checks all lines of one container, in their order.
func TestCommon(t *testing.T) {
	t.Parallel()
	j := newJob("/run/berth/c", namespaceOf(specs.MountNamespace, ""), namespaceOf(specs.PIDNamespace, ""))
	c := &Config{}
	c.Common(j, "/dev/.berth", ",create=dir")
	got, err := c.Lines()
	want := []backends.Line{
		{Text: "lxc.namespace.clone = mnt", From: "linux.namespaces"},
		{Text: "lxc.namespace.share.pid = /proc/7/ns/pid", From: "linux.namespaces[1]"},
		{Text: "lxc.mount.entry = /run/berth/c/w dev/.berth none bind,ro,create=dir 0 0"},
		{Text: "lxc.init.cwd = /dev/.berth"},
		{Text: "lxc.init.cmd = ./stub-init sock"},
		{Text: "lxc.signal.halt = 15"},
		{Text: "lxc.tty.max = 0"},
		{Text: "lxc.pty.max = 0"},
		{Text: "lxc.console.path = none"},
		{Text: "lxc.log.file = /run/berth/c/lxc.log"},
		{Text: "lxc.log.level = ERROR"},
		{Text: "lxc.hook.stop = " + Hook(stop(j))},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q (%v)", got, want, err)
	}
}

// TestNamespaceLines checks which namespaces LXC makes and which it joins, and where they come from.
func TestNamespaceLines(t *testing.T) {
	t.Parallel()
	var none []specs.LinuxIDMapping
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	const mount, pid, network, ipc = specs.MountNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		ids        []specs.LinuxIDMapping
		want       []string // "lxc.namespace." and the field are added
	}{
		"the host's": {nil, none, []string{"clone = mnt <- linux.namespaces"}},
		"all new": {
			[]specs.LinuxNamespace{namespaceOf(mount, ""), namespaceOf(pid, ""), namespaceOf(network, ""), namespaceOf(ipc, ""),
				namespaceOf(specs.UTSNamespace, ""), namespaceOf(specs.CgroupNamespace, ""), namespaceOf(specs.UserNamespace, "")},
			ids, []string{"clone = mnt ipc uts net cgroup <- linux.namespaces", "share.pid = /proc/7/ns/pid <- linux.namespaces[1]",
				"share.user = /proc/7/ns/user <- linux.namespaces[6]"},
		},
		"joined": {
			[]specs.LinuxNamespace{namespaceOf(network, "/run/netns/a"), namespaceOf(ipc, "/proc/5/ns/ipc"), namespaceOf(specs.UTSNamespace, "/proc/5/ns/uts")},
			none, []string{"share.ipc = /proc/5/ns/ipc <- linux.namespaces[1]", "share.uts = /proc/5/ns/uts <- linux.namespaces[2]",
				"share.net = /run/netns/a <- linux.namespaces[0]", "clone = mnt <- linux.namespaces"},
		},
		"a pid namespace with a path is not LXC's": {
			[]specs.LinuxNamespace{namespaceOf(pid, "/proc/5/ns/pid")}, none, []string{"clone = mnt <- linux.namespaces"},
		},
		"nor a cgroup namespace with a path": {
			[]specs.LinuxNamespace{namespaceOf(specs.CgroupNamespace, "/proc/5/ns/cgroup")}, none, []string{"clone = mnt <- linux.namespaces"},
		},
		"nor one of another user namespace": {
			[]specs.LinuxNamespace{namespaceOf(network, "/run/netns/a"), namespaceOf(specs.UserNamespace, "")},
			ids, []string{"clone = mnt <- linux.namespaces", "share.user = /proc/7/ns/user <- linux.namespaces[1]"},
		},
	} {
		j := newJob("/run/berth/c", c.namespaces...)
		j.UIDMap, j.GIDMap = c.ids, c.ids
		config := &Config{}
		config.Common(j, "/w", "")
		lines, err := config.Lines()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		maps := 0
		for _, l := range lines {
			if text, ok := strings.CutPrefix(l.Text, "lxc.namespace."); ok {
				got = append(got, text+" <- "+l.From)
			} else if strings.HasPrefix(l.Text, "lxc.idmap = ") {
				maps++
			}
		}
		if !slices.Equal(got, c.want) || maps != 2*len(c.ids) {
			t.Errorf("%s: %q and %d ID maps, want %q", name, got, maps, c.want)
		}
	}
}

func TestStopSignalLine(t *testing.T) {
	t.Parallel()
	from := `annotations["` + spec.StopSignalAnnotation + `"]`
	for signal, want := range map[string]backends.Line{
		"":       {Text: "lxc.signal.halt = 15"},
		"SIGINT": {Text: "lxc.signal.halt = 2", From: from},
		"37":     {Text: "lxc.signal.halt = 37", From: from},
	} {
		j := newJob("/run/berth/c")
		if signal != "" {
			j.Annotations = map[string]string{spec.StopSignalAnnotation: signal}
		}
		c := &Config{}
		c.Common(j, "/w", "")
		if lines, err := c.Lines(); err != nil || !slices.Contains(lines, want) {
			t.Errorf("%q: no %q in %q (%v)", signal, want, lines, err)
		}
	}
}

// TestCommonRefusesPath checks that no state directory can add an option to a mount entry or a
// command to the stop hook.
func TestCommonRefusesPath(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/run/a b/c", "/run/a;reboot/c", "/run/a'/c", "/run/a\nlxc.hook.stop = x/c"} {
		c := &Config{}
		c.Common(newJob(dir), "/w", "")
		if err := c.Write(filepath.Join(t.TempDir(), "c")); err == nil || !strings.Contains(err.Error(), "choose another --root") {
			t.Errorf("%q: %v", dir, err)
		}
	}
}

// TestNoNamespace checks that the cause of a failed start is found in the kernel's limits, and only
// for namespaces that LXC makes.
func TestNoNamespace(t *testing.T) {
	t.Parallel()
	network, joined := namespaceOf(specs.NetworkNamespace, ""), namespaceOf(specs.NetworkNamespace, "/run/netns/a")
	for name, c := range map[string]struct {
		namespace specs.LinuxNamespace
		files     map[string]string
		want      string
	}{
		"no limit":         {network, nil, ""},
		"room":             {network, map[string]string{"net": "10\n", "mnt": "1\n"}, ""},
		"none of it":       {network, map[string]string{"net": "0\n"}, "linux.namespaces[0]: this host's limit user.max_net_namespaces is 0"},
		"joined":           {joined, map[string]string{"net": "0\n"}, ""},
		"not asked for":    {network, map[string]string{"ipc": "0\n", "uts": "0\n", "cgroup": "0\n"}, ""},
		"no mount, always": {joined, map[string]string{"mnt": "0\n"}, "linux.namespaces: this host's limit user.max_mnt_namespaces is 0"},
	} {
		dir := t.TempDir()
		for kind, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, "max_"+kind+"_namespaces"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := noNamespace(newJob("/run/berth/c", c.namespace), dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
