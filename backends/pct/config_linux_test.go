package pct

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
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

// TestConfig checks the lines of the included configuration that depend on config.json. Those that
// both backends have are package lxcconf's.
func TestConfig(t *testing.T) {
	t.Parallel()
	const procRW, procBind = "lxc.mount.auto = proc:rw", "lxc.mount.entry = /proc proc none rbind,create=dir 0 0"
	const sysRW, sysBind = "lxc.mount.auto = sys:rw", "lxc.mount.entry = /sys sys none rbind,create=dir 0 0"
	const noNet, noName = "lxc.net =", "lxc.uts.name ="
	const inner, group = "lxc.cgroup.dir.container.inner =", "lxc.cgroup.dir.container = pods/a"
	pid := specs.LinuxNamespace{Type: specs.PIDNamespace}
	network, joined := specs.LinuxNamespace{Type: specs.NetworkNamespace}, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: "/run/netns/x"}
	uts, user := specs.LinuxNamespace{Type: specs.UTSNamespace}, specs.LinuxNamespace{Type: specs.UserNamespace}
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		settings   Settings
		bridge     bool
		path       string // cgroupsPath
		want, not  []string
	}{
		"all new":                              {[]specs.LinuxNamespace{pid, network, uts}, Settings{}, false, "", []string{procRW, sysRW, noNet}, []string{procBind, sysBind, noName, inner}},
		"the host's name":                      {[]specs.LinuxNamespace{pid, network}, Settings{}, false, "", []string{noName}, nil},
		"a shared pid":                         {[]specs.LinuxNamespace{network, uts}, Settings{}, false, "", []string{procBind, sysRW}, []string{procRW}},
		"a joined network":                     {[]specs.LinuxNamespace{pid, joined, uts}, Settings{}, false, "", []string{procRW, sysRW, noNet}, []string{sysBind}},
		"a joined network in a user namespace": {[]specs.LinuxNamespace{pid, joined, uts, user}, Settings{}, false, "", []string{procRW, sysBind}, []string{sysRW}},
		"a new network in a user namespace":    {[]specs.LinuxNamespace{pid, network, uts, user}, Settings{}, false, "", []string{sysRW}, []string{sysBind}},
		"a bridge":                             {[]specs.LinuxNamespace{pid, network, uts}, Settings{}, true, "", nil, []string{noNet}},
		"the engine's cgroup":                  {[]specs.LinuxNamespace{pid, network, uts}, Settings{CgroupsPath: true}, false, "/pods/a", []string{inner, group}, nil},
		"Proxmox VE's cgroup":                  {[]specs.LinuxNamespace{pid, network, uts}, Settings{}, false, "/pods/a", nil, []string{inner, group}},
	} {
		j, _ := newJob(t)
		j.Spec.Linux.Namespaces = c.namespaces
		j.CgroupsPath, j.Data.Cgroup = c.path, c.path
		if c.bridge {
			j.Spec.Annotations = map[string]string{NetAnnotation: "bridge"}
		}
		if slices.Contains(c.namespaces, user) {
			j.UIDMap = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
		}
		lines, err := (&Enclosure{settings: c.settings}).config(j).Lines()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var texts []string
		for _, l := range lines {
			texts = append(texts, l.Text)
		}
		// LXC undoes what Proxmox VE has set only if the empty lines come first.
		for i, want := range []string{"lxc.mount.auto =", "lxc.mount.entry =", "lxc.environment =", "lxc.hook.mount =", "lxc.hook.autodev =",
			"lxc.seccomp.profile =", "lxc.cap.drop =", "lxc.cgroup2 =", "lxc.idmap ="} {
			if texts[i] != want {
				t.Errorf("%s: line %d is %q, not %q", name, i, texts[i], want)
			}
		}
		for _, want := range append(c.want, "lxc.autodev = 1", "lxc.init.cwd = /dev/.berth",
			"lxc.mount.entry = "+j.StubInitDir()+" dev/.berth none bind,ro,create=dir 0 0") {
			if !slices.Contains(texts, want) {
				t.Errorf("%s: no line %q in %q", name, want, texts)
			}
		}
		for _, not := range c.not {
			if slices.Contains(texts, not) {
				t.Errorf("%s: a line %q", name, not)
			}
		}
	}
}

// TestConfigRefused checks that neither a state directory nor the administrator's lines can add a
// line that is not theirs.
func TestConfigRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dir   string
		lines []string
	}{
		"a quote":   {"/run/a'b", nil},
		"two lines": {"/run/berth", []string{"lxc.net.0.mtu = 1\nlxc.rootfs.path = /"}},
		"a NUL":     {"/run/berth", []string{"lxc.cgroup2.x = a\x00b"}},
	} {
		j, _ := newJob(t)
		j.Spec.Linux.Namespaces = append(j.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		j.Dir = c.dir + "/a"
		e := &Enclosure{settings: Settings{Lines: c.lines}}
		path := filepath.Join(t.TempDir(), "c")
		if err := e.config(j).Write(path); err == nil {
			t.Errorf("%s: it was written", name)
		}
	}
}

// TestPreStartHook checks that a start by hand is refused with words that Proxmox VE shows, and that
// berth's own start is let through.
func TestPreStartHook(t *testing.T) {
	t.Parallel()
	j, _ := newJob(t)
	lines, err := (&Enclosure{}).config(j).Lines()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(lines, func(l backends.Line) bool { return strings.HasPrefix(l.Text, "lxc.hook.pre-start = ") })
	if i < 0 {
		t.Fatalf("no hook in %q", lines)
	}
	hook := strings.TrimPrefix(lines[i].Text, "lxc.hook.pre-start = ")
	said, err := runHook(t, hook)
	if err == nil || len(said) < 1024 || strings.TrimSpace(said) != "this is OCI container a of berth: start it through its container engine" {
		t.Errorf("by hand: %v, %q", err, strings.TrimSpace(said))
	}
	if err := os.Mkdir(j.StubInitDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	listen(t, filepath.Join(j.StubInitDir(), enclosure.StubInitSocket))
	if said, err := runHook(t, hook); err != nil || said != "" {
		t.Errorf("by berth: %v, %q", err, said)
	}
}

// TestPlanCgroup checks what Proxmox VE cannot take as a root.
func TestPlanCgroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"root", "a,b", "a b", "a=b", "a'b", "a;b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(dir+"/file", nil, 0o600), os.Symlink("root", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]bool{"root": true, "none": false, "file": false, "link": false, "a,b": false, "a b": false, "a=b": false, "a'b": false, "a;b": false} {
		j, _ := newJob(t)
		j.Rootfs = filepath.Join(dir, name)
		err := (&Enclosure{}).PlanCgroup(j)
		var field *spec.FieldError
		if good != (err == nil) || err != nil && (!errors.As(err, &field) || field.Path != "root.path") {
			t.Errorf("%s: %v", name, err)
		}
		ps := (&Enclosure{}).Check(&specs.Spec{Root: &specs.Root{Path: j.Rootfs}})
		if refused := len(ps) > 0; refused != strings.ContainsAny(name, ",= ';") || refused && ps[0].Path != "root.path" {
			t.Errorf("%s: problems %v", name, ps)
		}
	}
}

// TestTake checks in which cgroup a CT is, by the setting and the container's config.
func TestTake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		follow       bool
		path         string
		cgroup       string
		limits       string
		claimed, own bool
		refused      string
	}{
		"Proxmox VE's":      {false, "", "/lxc/900001/ns", "/lxc/900001", false, true, ""},
		"not asked":         {false, "/berth-test/a", "/lxc/900001/ns", "/lxc/900001", false, true, ""},
		"no path":           {true, "", "/lxc/900001/ns", "/lxc/900001", false, true, ""},
		"the engine's":      {true, "/berth-test/a", "/berth-test/a", "/berth-test/a", true, false, ""},
		"relative":          {true, "../a", "/berth/a", "/berth/a", true, false, ""},
		"refused by LXC":    {true, "/berth-test/a..b", "", "", false, false, "linux.cgroupsPath: "},
		"a blank at an end": {true, "/berth-test/a ", "", "", false, false, "linux.cgroupsPath: "},
	} {
		j, saved := newJob(t)
		j.CgroupsPath = c.path
		e := &Enclosure{settings: Settings{CgroupsPath: c.follow}}
		err := e.take(j, 900001)
		if c.refused != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.refused) || len(*saved) > 0 {
				t.Errorf("%s: %v, saved %q", name, err, *saved)
			}
			continue
		}
		d := j.Data
		if err != nil || d.Name != "900001" || d.Cgroup != c.cgroup || d.Limits != c.limits || d.Claimed != c.claimed || e.OwnCgroup(d) != c.own {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if !slices.Equal(*saved, []string{"900001 true"}) {
			t.Errorf("%s: saved %q", name, *saved)
		}
	}
}

// TestEmptyArchive checks that the template of all containers is an archive without files, and is
// written once.
func TestEmptyArchive(t *testing.T) {
	t.Parallel()
	path := emptyArchive(t.TempDir())
	if err := makeEmptyArchive(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if h, err := tar.NewReader(f).Next(); !errors.Is(err, io.EOF) {
		t.Errorf("an entry %v (%v)", h, err)
	}
	before, _ := f.Stat()
	if err := makeEmptyArchive(path); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written again (%v)", err)
	}
	if err := makeEmptyArchive("/proc/none/x"); err == nil || !strings.Contains(err.Error(), "empty template for pct create") {
		t.Errorf("%v", err)
	}
}

// TestExplain checks that an explanation has the calls and lines of create, and changes nothing.
func TestExplain(t *testing.T) {
	t.Parallel()
	e, calls := node(t, nil, "", "900000")
	j, saved := newJob(t)
	j.Spec.Hostname = "web"
	x, err := e.Explain(j)
	if err != nil || len(x) != 4 {
		t.Fatalf("%v, %v", x, err)
	}
	vmid := ""
	for id := range e.free(j.Container, map[int]bool{900000: true}) {
		vmid = vmidArg(id)
		break
	}
	if want := fmt.Sprintf("pct create %s %s/@empty.tar …", vmid, j.Root); x[0].Lines[0].Text != want {
		t.Errorf("%q, want %q", x[0].Lines[0].Text, want)
	}
	for _, want := range []backends.Line{{Text: "  --hostname web", From: "hostname"}, {Text: "  --rootfs " + j.Rootfs, From: "root.path"}, {Text: "  --ostype unmanaged"}} {
		if !slices.Contains(x[0].Lines, want) {
			t.Errorf("no %q in %q", want, x[0].Lines)
		}
	}
	if x[1].Title != "added to "+e.cluster.Dir+"/lxc/"+vmid+".conf" || x[1].Lines[0].Text != "lxc.include: "+j.Dir+"/lxc.conf" {
		t.Errorf("%q", x[1])
	}
	if lines, err := e.config(j).Lines(); err != nil || !slices.Equal(x[2].Lines, lines) {
		t.Errorf("%q", x[2])
	}
	if x[3].Lines[0].Text != "pct start "+vmid {
		t.Errorf("%q", x[3])
	}
	if entries, err := os.ReadDir(j.Root); err != nil || len(entries) != 1 || len(*saved) > 0 || len(calls()) > 0 {
		t.Errorf("it made %v, saved %q, called %q (%v)", entries, *saved, calls(), err)
	}
	full := &Enclosure{settings: Settings{FirstVMID: 900000, LastVMID: 900000}, cluster: e.cluster}
	if _, err := full.Explain(j); err == nil || !strings.Contains(err.Error(), "no VMID is free") {
		t.Errorf("without a VMID: %v", err)
	}
}
