package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/delegation"
	"github.com/berth-oci/berth/runtime/state"
	"github.com/berth-oci/berth/spec"
)

// sound are the files of a host on which all is well. A name that ends with a slash is a directory.
var sound = map[string]string{
	"proc/sys/kernel/osrelease":               "6.14.8-2-pve\n",
	"proc/sys/kernel/seccomp/actions_avail":   "kill_process allow\n",
	"proc/sys/user/max_user_namespaces":       "63000\n",
	"proc/self/mountinfo":                     "22 1 0:20 / / rw - ext4 /dev/sda rw\n",
	"sys/fs/cgroup/cgroup.controllers":        "cpuset cpu io memory pids\n",
	"sys/module/apparmor/parameters/enabled":  "Y\n",
	"usr/sbin/apparmor_parser":                "",
	"usr/bin/podman":                          "",
	"usr/bin/containerd":                      "",
	"usr/sbin/dockerd":                        "",
	"usr/share/containers/containers.conf":    "[engine]\nruntime_supports_json = [\"crun\"]\n",
	"etc/containers/containers.conf.d/b.conf": "[engine]\nruntime_supports_json = [\"crun\", \"berth\"]\n[engine.runtimes]\nberth = [\"/usr/bin/berth\"]\n",
	"etc/containerd/config.toml":              "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.b]\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.b.options]\nBinaryName = \"/usr/bin/berth\"\n",
	"etc/docker/daemon.json":                  `{"runtimes": {"b": {"path": "/usr/bin/berth-lxc"}}}`,
	"usr/bin/lxc-start":                       "",
	"run/berth/":                              "",
}

// host makes a host's root directory from the files of sound and changes. The text "-" leaves a
// file out, and "->" makes a symbolic link. In a text, DIR is the root directory, and NAME is LXC's
// name for container x.
func host(t *testing.T, changes map[string]string) *Doctor {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for name, text := range sound {
		files[name] = text
	}
	for name, text := range changes {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if text == "-" {
			continue
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		name := lxc.Name(&backends.Container{ID: "x", Root: filepath.Join(dir, "run/berth")})
		text = strings.NewReplacer("DIR", dir, "NAME", name).Replace(text)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Doctor{Dir: dir, Root: filepath.Join(dir, "run/berth"), System: filepath.Join(dir, "run/berth"), Program: "/usr/bin/berth", Default: "lxc",
		Open: openFake, Backends: []Backend{{Name: "lxc", Make: func() (Usable, error) { return fake{}, nil }}}}
}

// containers are those of a state directory in which no container is delegated.
type containers struct{ *runtime.Runtime }

func (c containers) List() ([]*runtime.Info, error) {
	list, _, err := c.Runtime.List()
	return list, err
}

func openFake(root string) (Containers, error) {
	store, err := state.Open(root)
	if err != nil {
		return nil, err
	}
	maker := runtime.Maker{Name: "lxc", Make: func() (backends.Backend, error) { return fake{}, nil }}
	return containers{runtime.New(store, delegation.New(store, crun.Call{}), maker)}, nil
}

// fake is a backend that reports what it is told to.
type fake struct {
	backends.Backend
	unusable error
	findings []backends.Finding
}

func (f fake) Name() string                                { return "lxc" }
func (f fake) Usable() error                               { return f.unusable }
func (f fake) Check(*specs.Spec) spec.Problems             { return nil }
func (f fake) Diagnose(context.Context) []backends.Finding { return f.findings }
func (f fake) Status(*backends.Container) (specs.ContainerState, error) {
	return specs.StateRunning, nil
}

// proc returns the files of a process.
func proc(pid, parent int, args ...string) map[string]string {
	dir := fmt.Sprintf("proc/%d/", pid)
	return map[string]string{
		dir + "cmdline": strings.Join(args, "\x00") + "\x00",
		dir + "stat":    fmt.Sprintf("%d (a (b) c) S %d 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 %d 0", pid, parent, 1000+pid),
		dir + "fdinfo/": "",
	}
}

// watching returns the file of a pidfd for process other that process pid holds.
func watching(pid, other int) map[string]string {
	return map[string]string{fmt.Sprintf("proc/%d/fdinfo/5", pid): fmt.Sprintf("pos:\t0\nPid:\t%d\nNSpid:\t%d\n", other, other)}
}

func in(pid int, cgroup string) map[string]string {
	return map[string]string{fmt.Sprintf("proc/%d/cgroup", pid): "0::" + cgroup + "\n"}
}

// lxcStart returns the files of a monitor.
func lxcStart(pid int, name, config string) map[string]string {
	return join(proc(pid, 1, "/usr/bin/lxc-start", "-n", name, "-f", config, "-F"), in(pid, "/lxc.monitor."+name),
		map[string]string{fmt.Sprintf("proc/%d/exe", pid): "->DIR/usr/bin/lxc-start"})
}

func join(list ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range list {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

const complete = `{"id":"x","backend":"lxc","complete":true,"process":{"pid":7},"data":{"name":"berth-x","cgroup":"/berth/x","limits":"/berth/x","warden":{"pid":9}}}`

// In TestDiagnose each row is a fault of a host and the one finding that reports it.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes map[string]string
		check   string
		verdict backends.Verdict
		looked  string
	}{
		"all is well":               {nil, "", backends.Pass, ""},
		"old kernel":                {map[string]string{"proc/sys/kernel/osrelease": "5.10.0-8-amd64\n"}, "kernel", backends.Fail, "5.10.0"},
		"no /proc":                  {map[string]string{"proc/sys/kernel/osrelease": "-"}, "kernel", backends.Fail, "osrelease"},
		"cgroup v1":                 {map[string]string{"sys/fs/cgroup/cgroup.controllers": "-"}, "cgroup v2", backends.Fail, "not a cgroup v2"},
		"no controllers":            {map[string]string{"sys/fs/cgroup/cgroup.controllers": "cpu io\n"}, "cgroup v2", backends.Warn, "memory pids"},
		"no seccomp":                {map[string]string{"proc/sys/kernel/seccomp/actions_avail": "-"}, "seccomp", backends.Fail, "no seccomp"},
		"AppArmor off":              {map[string]string{"sys/module/apparmor/parameters/enabled": "N\n"}, "AppArmor", backends.Warn, "disabled"},
		"no parser":                 {map[string]string{"usr/sbin/apparmor_parser": "-"}, "AppArmor", backends.Fail, "apparmor_parser is missing"},
		"no user namespaces":        {map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, "user namespaces", backends.Warn, "none"},
		"podman knows no berth":     {map[string]string{"etc/containers/containers.conf.d/b.conf": "-"}, "podman", backends.Warn, "not among"},
		"podman without JSON":       {map[string]string{"etc/containers/containers.conf.d/b.conf": "[engine.runtimes]\nberth = [\"/usr/bin/berth\"]\n"}, "podman", backends.Warn, `"berth"`},
		"podman's name for another": {map[string]string{"etc/containers/containers.conf.d/b.conf": "[engine]\nruntime_supports_json = [\"berth\"]\n[engine.runtimes]\nct = [\"/usr/bin/berth-pct\"]\n"}, "podman", backends.Warn, `"berth-pct"`},
		"podman's file is broken":   {map[string]string{"etc/containers/containers.conf.d/b.conf": "[engine\n"}, "podman", backends.Fail, "b.conf"},
		"containerd unconfigured":   {map[string]string{"etc/containerd/config.toml": "-"}, "containerd", backends.Warn, "no /etc"},
		"containerd without berth":  {map[string]string{"etc/containerd/config.toml": "version = 2\n"}, "containerd", backends.Warn, "not among"},
		"containerd's is broken":    {map[string]string{"etc/containerd/config.toml": "x"}, "containerd", backends.Fail, "config.toml"},
		"docker unconfigured":       {map[string]string{"etc/docker/daemon.json": "-"}, "Docker Engine", backends.Warn, "no /etc"},
		"docker without berth":      {map[string]string{"etc/docker/daemon.json": "{}"}, "Docker Engine", backends.Warn, "not among"},
		"docker's is broken":        {map[string]string{"etc/docker/daemon.json": "{"}, "Docker Engine", backends.Fail, "daemon.json"},
		"state is no directory":     {map[string]string{"run/berth/": "-", "run/berth": "x"}, "state directory", backends.Fail, "not a directory"},
		"a record":                  {join(map[string]string{"run/berth/x/state.json": complete}), "", backends.Pass, ""},
		"interrupted create":        {map[string]string{"run/berth/x/state.json": `{"id":"x","backend":"lxc"}`}, "records", backends.Fail, "x in"},
		"damaged record":            {map[string]string{"run/berth/x/state.json": `{"id"`}, "records", backends.Fail, "damaged"},
		"newer record":              {map[string]string{"run/berth/x/state.json": `{"format":9,"berth":"berth 9.9"}`}, "records", backends.Warn, "berth 9.9"},
		"record of no backend":      {map[string]string{"run/berth/x/state.json": `{"id":"x","backend":"docker"}`}, "records", backends.Fail, "damaged"},
		"an engine's directory":     {map[string]string{"run/containerd/runc/k8s.io/y/state.json": `{"id":"y","backend":"lxc"}`}, "records", backends.Fail, "k8s.io"},
		"another runtime's":         {map[string]string{"run/containerd/runc/k8s.io/y/state.json": `{"id":"y","init_process_pid":7}`}, "", backends.Pass, ""},
		"LXC without record":        {lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"), "LXC containers", backends.Fail, "(process 70)"},
		"LXC that only begins":      {join(lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"), in(70, "/lxc.pivot.NAME")), "LXC containers", backends.Fail, "(process 70)"},
		"LXC with record": {join(lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"), proc(71, 70, "@/stub-init", "sock"),
			map[string]string{"run/berth/x/state.json": complete}), "", backends.Pass, ""},
		"LXC by name only":         {join(lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"), in(70, "/berth/y")), "", backends.Pass, ""},
		"LXC by name and cgroup":   {join(lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"), map[string]string{"proc/70/exe": "->DIR/usr/bin/podman"}), "", backends.Pass, ""},
		"LXC with a way upwards":   {lxcStart(70, "berth-x/../system.slice", "/a/b/lxc.conf"), "", backends.Pass, ""},
		"LXC of another id":        {lxcStart(70, "NAME", "DIR/run/berth/y/lxc.conf"), "", backends.Pass, ""},
		"LXC by a roundabout way":  {lxcStart(70, "NAME", "DIR/run/berth/y/../x/lxc.conf"), "", backends.Pass, ""},
		"somebody's own LXC":       {proc(70, 1, "lxc-start", "-n", "web", "-f", "/var/lib/lxc/web/lxc.conf", "-F"), "", backends.Pass, ""},
		"init process":             {proc(80, 1, "berth-init"), "processes", backends.Fail, "process 80"},
		"init process of a record": {join(proc(7, 1, "berth-init"), map[string]string{"run/berth/x/state.json": complete}), "", backends.Pass, ""},
		"init process being made":  {join(proc(80, 79, "berth-init"), proc(79, 1, "/usr/bin/berth-lxc", "create", "z")), "", backends.Pass, ""},
		"init process beside the process of a record": {join(proc(69, 1, "/usr/bin/conmon"), proc(80, 69, "berth-init"), watching(80, 7), proc(7, 69, "berth-init"),
			map[string]string{"run/berth/x/state.json": complete}), "", backends.Pass, ""},
		"init process beside another process": {join(proc(80, 1, "berth-init"), watching(80, 8)), "processes", backends.Fail, "process 80"},
		"init process that a stub init waits for": {join(proc(70, 1, "lxc-start", "-F", "-n", "956332"), proc(71, 70, "@/stub-init", "sock"), watching(71, 80),
			proc(80, 1, "berth-init")), "", backends.Pass, ""},
		"init process that cannot be looked at": {join(proc(80, 1, "berth-init"), map[string]string{"proc/80/fdinfo/": "-"}), "", backends.Pass, ""},
		"stub init":                             {proc(81, 1, "@/stub-init", "sock"), "processes", backends.Fail, "process 81"},
		"stub init of a record":                 {join(proc(9, 1, "@/stub-init", "sock"), map[string]string{"run/berth/x/state.json": complete}), "", backends.Pass, ""},
		"somebody's own stub init":              {proc(81, 1, "./stub-init", "sock"), "", backends.Pass, ""},
		"cgroup":                                {map[string]string{"sys/fs/cgroup/berth/y/cgroup.events": "populated 0\nfrozen 0\n"}, "cgroups", backends.Fail, "/berth/y"},
		"monitor's cgroup":                      {map[string]string{"sys/fs/cgroup/lxc.monitor.berth-y/cgroup.events": "populated 0\nfrozen 0\n"}, "cgroups", backends.Fail, "lxc.monitor.berth-y"},
		"cgroup in use":                         {map[string]string{"sys/fs/cgroup/berth/y/cgroup.events": "populated 1\nfrozen 0\n"}, "", backends.Pass, ""},
		"cgroup of a record":                    {map[string]string{"sys/fs/cgroup/berth/x/cgroup.events": "populated 0\n", "run/berth/x/state.json": complete}, "", backends.Pass, ""},
		"cgroup of a registered root": {map[string]string{"sys/fs/cgroup/lxc.pivot.berth-x/cgroup.events": "populated 0\n", "srv/state/x/state.json": complete,
			"run/berth/@roots/1": "->DIR/srv/state"}, "", backends.Pass, ""},
		"a registered root that others can write to": {map[string]string{"run/berth/@roots/1": "->/tmp"}, "records", backends.Warn, "other users can write to /tmp"},
		"cgroup of a root":                           {map[string]string{"sys/fs/cgroup/berth/@1/y/cgroup.events": "populated 0\n"}, "cgroups", backends.Fail, "/berth/@1/y"},
		"a root's last cgroup":                       {map[string]string{"sys/fs/cgroup/berth/@1/cgroup.events": "populated 0\n"}, "cgroups", backends.Fail, "/berth/@1"},
		"mount":                                      {map[string]string{"run/berth/x/state.json": complete, "proc/self/mountinfo": "22 1 0:20 / DIR/run/berth/x/rootfs rw - ext4 /dev/sda rw\n"}, "mounts", backends.Fail, "run/berth/x/rootfs"},
		"mount of crun's own":                        {map[string]string{"proc/self/mountinfo": "22 1 0:20 / DIR/run/berth/@crun/x rw - tmpfs tmpfs rw\n"}, "", backends.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := host(t, c.changes)
			found := false
			for _, f := range d.Diagnose(t.Context()) {
				if f.Looked == d.Root+" is on a disk" {
					continue // the tests' temporary directory is on one
				}
				if f.Check == c.check && f.Verdict == c.verdict && strings.Contains(f.Looked, c.looked) && f.Advice != "" {
					found = true
				} else if f.Verdict != backends.Pass {
					t.Errorf("beside it: %+v", f)
				}
			}
			if !found && c.check != "" {
				t.Errorf("no %s: %s", c.verdict, c.check)
			}
		})
	}
}

func TestBackends(t *testing.T) {
	t.Parallel()
	broken := errors.New("LXC is not installed")
	for name, c := range map[string]struct {
		backend fake
		chosen  string
		want    []backends.Verdict
	}{
		"usable":         {fake{}, "lxc", []backends.Verdict{backends.Pass}},
		"the default":    {fake{unusable: broken}, "lxc", []backends.Verdict{backends.Fail}},
		"another":        {fake{unusable: broken}, "pct", []backends.Verdict{backends.Pass}},
		"its own ideas":  {fake{findings: []backends.Finding{{Verdict: backends.Warn}}}, "lxc", []backends.Verdict{backends.Pass, backends.Warn}},
		"not asked then": {fake{unusable: broken, findings: []backends.Finding{{Verdict: backends.Warn}}}, "lxc", []backends.Verdict{backends.Fail}},
	} {
		d := &Doctor{Default: c.chosen, Backends: []Backend{{Name: "lxc", Make: func() (Usable, error) { return c.backend, nil }}}}
		var got []backends.Verdict
		for _, f := range d.backends(t.Context()) {
			got = append(got, f.Verdict)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fs   unix.Statfs_t
		want backends.Verdict
	}{
		"room":     {unix.Statfs_t{Bavail: 1 << 20, Bsize: 4096, Files: 1000, Ffree: 900}, backends.Pass},
		"full":     {unix.Statfs_t{Bavail: 3, Bsize: 4096, Files: 1000, Ffree: 900}, backends.Fail},
		"no files": {unix.Statfs_t{Bavail: 1 << 20, Bsize: 4096, Files: 1000, Ffree: 2}, backends.Fail},
	} {
		if f := (&Doctor{}).room("/run", &c.fs); f.Verdict != c.want {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestFindingJSON checks that a finding can be written as JSON.
func TestFindingJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(backends.Finding{Check: "c", Verdict: backends.Fail, Looked: "l", Fix: func(context.Context) error { return nil }})
	if want := `{"check":"c","verdict":"fail","looked":"l"}`; err != nil || string(data) != want {
		t.Errorf("%s, %v; want %s", data, err, want)
	}
}

// TestContainerdLines checks that the lines to paste suit the version of containerd's file.
func TestContainerdLines(t *testing.T) {
	t.Parallel()
	for text, plugin := range map[string]string{
		"-": "io.containerd.grpc.v1.cri", "version = 2\n": "io.containerd.grpc.v1.cri", "version = 3\n": "io.containerd.cri.v1.runtime",
	} {
		d := host(t, map[string]string{"etc/containerd/config.toml": text})
		got := d.containerd()
		var tree struct {
			Plugins map[string]struct {
				Containerd struct {
					Runtimes map[string]struct {
						Type    string `toml:"runtime_type"`
						Options struct{ BinaryName string }
					}
				}
			}
		}
		_, paste, _ := strings.Cut(got.Advice, "\n")
		if err := toml.Unmarshal([]byte(paste), &tree); err != nil {
			t.Fatalf("%v: %s", err, got.Advice)
		}
		r := tree.Plugins[plugin].Containerd.Runtimes["berth"]
		if got.Verdict != backends.Warn || r.Type != "io.containerd.runc.v2" || r.Options.BinaryName != d.Program {
			t.Errorf("%q: %+v: %+v", text, r, got)
		}
	}
}
