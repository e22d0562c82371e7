package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// In TestExplain each row is a change of the template and the line that it makes.
func TestExplain(t *testing.T) {
	limit, quota, shares := int64(64<<20), int64(50000), uint64(512)
	for name, c := range map[string]struct {
		change func(*specs.Spec)
		text   string
		from   string
	}{
		"program": {func(s *specs.Spec) { s.Process.Args = []string{"sh", "-c", "echo it's"} }, `exec sh -c 'echo it'\''s'`, "process.args"},
		"memory":  {func(s *specs.Spec) { s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit} }, "memory.max = 67108864", "linux.resources.memory.limit"},
		"quota":   {func(s *specs.Spec) { s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota} }, "cpu.max = 50000 100000", "linux.resources.cpu.quota"},
		"shares":  {func(s *specs.Spec) { s.Linux.Resources.CPU = &specs.LinuxCPU{Shares: &shares} }, "cpu.weight = 59", "linux.resources.cpu.shares"},
		"unified": {func(s *specs.Spec) { s.Linux.Resources.Unified = map[string]string{"memory.high": "1G"} }, "memory.high = 1G", `linux.resources.unified["memory.high"]`},
		"bind": {func(s *specs.Spec) {
			s.Mounts[3] = specs.Mount{Destination: "/d", Source: "/src dir", Options: []string{"rbind", "ro"}}
		}, `"/d": bind of "/src dir" (rbind,ro)`, "mounts[3]"},
		"late":      {func(s *specs.Spec) { s.Mounts[3].Options = append(s.Mounts[3].Options, "ro") }, "read-only after all mounts are made", "mounts[3]"},
		"cgroup":    {func(s *specs.Spec) { s.Linux.CgroupsPath = "/a/b" }, "lxc.cgroup.dir.container = a/b", "linux.cgroupsPath"},
		"namespace": {func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/run/netns/x" }, "lxc.namespace.share.net = /run/netns/x", "linux.namespaces[1]"},
		"stop signal": {func(s *specs.Spec) {
			s.Annotations = map[string]string{"org.opencontainers.image.stopSignal": "SIGQUIT"}
		}, "lxc.signal.halt = 3", `annotations["org.opencontainers.image.stopSignal"]`},
		"hook": {func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/h", Args: []string{"h", "-x"}}}}
		}, "/bin/h -x", "hooks.poststop[0]"},
		"masked": {func(s *specs.Spec) {}, `"/proc/kcore"`, "linux.maskedPaths[2]"},
		"device": {func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}}
		}, `"/dev/fuse": character device 10:229`, "linux.devices[0]"},
		"sysctl":         {func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} }, `/proc/sys/net/ipv4/ip_forward = "1"`, "linux.sysctl"},
		"user namespace": {mapUsers, "lxc.idmap = u 0 100000 65536", "linux.uidMappings[0]"},
		"bound device":   {mapUsers, "bind of the host's", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			out, status := output(t, "berth", "--root", root, "explain", "--backend=lxc", "--json", "--id=x", makeBundle(t, c.change))
			var x struct{ Sections backends.Explanation }
			if err := json.Unmarshal([]byte(out), &x); err != nil || status != 0 {
				t.Fatalf("exit status %d, %v: %s", status, err, out)
			}
			for _, s := range x.Sections {
				for _, l := range s.Lines {
					if strings.Contains(l.Text, c.text) && l.From == c.from {
						return
					}
				}
			}
			t.Errorf("no line %q from %q in\n%s", c.text, c.from, out)
			if _, err := os.Stat(root); err == nil {
				t.Error("the state directory was made")
			}
		})
	}
}

func mapUsers(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	maps := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	s.Linux.UIDMappings, s.Linux.GIDMappings = maps, maps
}

// TestExplainKeepsSecrets checks that the values of environment variables, which can be secrets,
// are not shown.
func TestExplainKeepsSecrets(t *testing.T) {
	dir := makeBundle(t, func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "TOKEN=hush") })
	out, status := output(t, "berth", "--root", filepath.Join(t.TempDir(), "root"), "explain", "--backend=lxc", dir)
	if status != 0 || !strings.Contains(out, "TOKEN") || strings.Contains(out, "hush") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}
