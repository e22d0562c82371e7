package explain

import (
	"errors"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/spec"
)

// tool explains an enclosure by a line with what it was asked about.
type tool struct {
	enclosure.Tool
	planned error
	asked   *enclosure.Job
}

func (*tool) Name() string { return "fake" }

func (*tool) Check(s *specs.Spec) spec.Problems {
	return spec.Problems{{Path: "hostname", Level: spec.Error, Message: "the tool cannot"}}
}

func (*tool) Mounts(*specs.Spec) ([]specs.Mount, error) {
	return []specs.Mount{{Destination: "/proc/uptime", Type: "tmpfs", Source: "tmpfs"}}, nil
}

func (t *tool) PlanCgroup(j *enclosure.Job) error {
	j.Data.Name, j.Data.Limits = "fake-a", "/berth/a"
	return t.planned
}

func (t *tool) Explain(j *enclosure.Job) (backends.Explanation, error) {
	t.asked = j
	var x backends.Explanation
	x.Add("the tool", backends.Line{Text: j.Data.Name})
	return x, nil
}

// Explain has a section for each step of create, in create's order, and makes nothing.
func TestExplain(t *testing.T) {
	t.Parallel()
	limit, score := int64(9), 5
	s := minimal()
	s.Process.OOMScoreAdj = &score
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace}, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
	s.Linux.GIDMappings = s.Linux.UIDMappings
	s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
	s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActAllow}}}
	s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/hook"}}}
	fake := &tool{}
	x, err := Explain(fake, &backends.Container{ID: "a", Bundle: t.TempDir(), Dir: t.TempDir()}, s)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, section := range x {
		text.WriteString(section.Title + "\n")
		for _, line := range section.Lines {
			text.WriteString("  " + line.Text + " <- " + line.From + "\n")
		}
	}
	rest := text.String()
	for _, want := range []string{
		"the tool\n", "fake-a", "limits of the cgroup /berth/a", "pids.max", "linux.resources.pids.limit", "/proc/uptime", "/bin/hook",
		"process\n", "process.oomScoreAdj", "linux.seccomp",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is not there, or not in create's order:\n%s", want, text.String())
		}
		rest = after
	}
	j := fake.asked
	if j.InitPid != 0 || j.Joined != nil || !slices.Equal(j.UIDMap, s.Linux.UIDMappings) || len(j.GIDMap) != 1 {
		t.Errorf("the tool was asked about %+v", j)
	}
	if len(s.Mounts) != 0 {
		t.Errorf("config.json has got mounts: %v", s.Mounts)
	}
	failed := errors.New("failed")
	if x, err := Explain(&tool{planned: failed}, &backends.Container{}, s); !errors.Is(err, failed) || x != nil {
		t.Errorf("%v, %v", x, err)
	}
}

// The tool's problems come first, then those of the init process.
func TestCheck(t *testing.T) {
	t.Parallel()
	user := specs.LinuxNamespace{Type: specs.UserNamespace}
	notify := []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}
	for name, c := range map[string]struct {
		edit func(s *specs.Spec)
		want []string // the paths after the tool's
	}{
		"minimal":     {func(*specs.Spec) {}, nil},
		"no linux":    {func(s *specs.Spec) { s.Linux = nil }, []string{"linux"}},
		"nobody is 0": {func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, user) }, []string{"linux.gidMappings", "linux.uidMappings"}},
		"0 is mapped to root": {func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, user)
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}, nil},
		"nobody to notify": {func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: notify}
		}, []string{"linux.seccomp.listenerPath"}},
		"the host's network": {func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} }, []string{"linux.netDevices"}},
	} {
		s := minimal()
		c.edit(s)
		var got []string
		for _, p := range Check(&tool{}, s) {
			got = append(got, p.Path)
		}
		if len(got) == 0 || got[0] != "hostname" {
			t.Errorf("%s: %v, want the tool's problem first", name, got)
			continue
		}
		rest := got[1:]
		slices.Sort(rest)
		if !slices.Equal(rest, c.want) {
			t.Errorf("%s: %v, want %v", name, rest, c.want)
		}
	}
}

// What only the host decides is told with the field's path, and a config without linux does no harm.
func TestPreflight(t *testing.T) {
	t.Parallel()
	notify := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/nosuch", Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
	many := make([]specs.LinuxIDMapping, 1000)
	for name, c := range map[string]struct {
		edit func(s *specs.Spec)
		want string
	}{
		"no namespace": {func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.IPCNamespace, Path: "/dev/null"})
		}, "linux.namespaces[2].path"},
		"no agent":      {func(s *specs.Spec) { s.Linux.Seccomp = notify }, "linux.seccomp.listenerPath"},
		"many mappings": {func(s *specs.Spec) { s.Linux.UIDMappings = many }, "linux.uidMappings"},
		"no such CPU":   {func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Final: "9999"} }, "process.execCPUAffinity.final"},
		"no linux":      {func(s *specs.Spec) { s.Linux = nil }, ""},
	} {
		s := minimal()
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		c.edit(s)
		ps := Preflight(s)
		if found := slices.ContainsFunc(ps, func(p spec.Problem) bool { return p.Path == c.want && p.Level == spec.Error }); found != (c.want != "") {
			t.Errorf("%s: %v, want a problem of %q", name, ps, c.want)
		}
	}
}
