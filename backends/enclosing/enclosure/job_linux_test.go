package enclosure

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/spec"
)

func job(namespaces ...specs.LinuxNamespace) *Job {
	return NewJob(&backends.Container{ID: "a", Dir: "/run/berth/a"}, &specs.Spec{Linux: &specs.Linux{Namespaces: namespaces}}, nil, nil)
}

// Who joins a namespace, berth before the fork or the enclosure, depends on the user namespace. For
// explain nothing is open.
func TestJoinedBeforeFork(t *testing.T) {
	t.Parallel()
	named := func(t specs.LinuxNamespaceType) specs.LinuxNamespace {
		return specs.LinuxNamespace{Type: t, Path: "/x"}
	}
	user := specs.LinuxNamespace{Type: specs.UserNamespace}
	network := []specs.LinuxNamespaceType{specs.NetworkNamespace}
	for name, c := range map[string]struct {
		job      *Job
		open     bool
		recorded []specs.LinuxNamespaceType
		want     []specs.LinuxNamespaceType
	}{
		"new ones":                      {job: job(user, specs.LinuxNamespace{Type: specs.NetworkNamespace}, specs.LinuxNamespace{Type: specs.CgroupNamespace})},
		"of berth's user namespace":     {job: job(named(specs.NetworkNamespace), named(specs.IPCNamespace)), open: true},
		"of another user namespace":     {job: job(user, named(specs.NetworkNamespace), named(specs.IPCNamespace)), open: true, recorded: network, want: network},
		"a cgroup namespace":            {job: job(named(specs.CgroupNamespace)), open: true, want: []specs.LinuxNamespaceType{specs.CgroupNamespace}},
		"ones that only LXC joins":      {job: job(user, named(specs.PIDNamespace), named(specs.MountNamespace), named(specs.TimeNamespace)), open: true},
		"recorded, but new in the spec": {job: job(user, specs.LinuxNamespace{Type: specs.NetworkNamespace}), open: true, recorded: network},
		"explain, with a new user ns":   {job: job(user, named(specs.NetworkNamespace)), want: network},
		"explain, with a joined one":    {job: job(named(specs.UserNamespace), named(specs.NetworkNamespace))},
		"explain, without":              {job: job(named(specs.NetworkNamespace))},
	} {
		if c.open {
			c.job.Joined = namespace.Opened{}
		}
		c.job.Data.JoinedBeforeFork = c.recorded
		var got []specs.LinuxNamespaceType
		for _, kind := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace,
			specs.PIDNamespace, specs.MountNamespace, specs.TimeNamespace, specs.UserNamespace, "other"} {
			if c.job.JoinedBeforeFork(kind) {
				got = append(got, kind)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A namespace by path is found by what was opened, because the path may lead elsewhere later.
func TestNamespacePath(t *testing.T) {
	t.Parallel()
	j := job(specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: "/proc/self/ns/net"}, specs.LinuxNamespace{Type: specs.PIDNamespace})
	if path, kind := j.Namespace(specs.NetworkNamespace); path != "/proc/self/ns/net" || kind != spec.Path {
		t.Errorf("explain: %q, %v", path, kind)
	}
	var err error
	if j.Joined, err = namespace.OpenAll(j.Spec); err != nil {
		t.Fatal(err)
	}
	defer j.Joined.Close()
	path, kind := j.Namespace(specs.NetworkNamespace)
	a, err1 := os.Stat(path)
	b, err2 := os.Stat("/proc/self/ns/net")
	if err := errors.Join(err1, err2); err != nil || kind != spec.Path || path == "/proc/self/ns/net" || !os.SameFile(a, b) {
		t.Errorf("%q, %v, %v", path, kind, err)
	}
	for kind, want := range map[specs.LinuxNamespaceType]spec.NamespaceKind{specs.PIDNamespace: spec.New, specs.UTSNamespace: spec.Host} {
		if path, got := j.Namespace(kind); path != "" || got != want {
			t.Errorf("%s: %q, %v", kind, path, got)
		}
	}
}

// The init process is in the container's pid namespace, is in the host's, or forks the user process
// into one.
func TestPIDNamespaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		job        *Job
		own, forks bool
	}{
		"new":     {job(specs.LinuxNamespace{Type: specs.PIDNamespace}), true, false},
		"by path": {job(specs.LinuxNamespace{Type: specs.PIDNamespace, Path: "/x"}), false, true},
		"host's":  {job(), false, false},
	} {
		if own, forks := c.job.OwnPIDs(), c.job.ForksProcess(); own != c.own || forks != c.forks {
			t.Errorf("%s: own %v, forks %v", name, own, forks)
		}
	}
	j := job()
	if got := j.InitFile("ns/pid"); got != "/proc/{pid}/ns/pid" {
		t.Errorf("explain: %s", got)
	}
	if j.InitPid = 7; j.InitFile("ns/pid") != "/proc/7/ns/pid" {
		t.Error(j.InitFile("ns/pid"))
	}
}

type mounting struct {
	Tool
	mounts []specs.Mount
	err    error
}

func (m mounting) Mounts(*specs.Spec) ([]specs.Mount, error) { return m.mounts, m.err }

// The tool's mounts come after those of config.json, which stays as it is.
func TestAddMounts(t *testing.T) {
	t.Parallel()
	own, added := specs.Mount{Destination: "/a"}, specs.Mount{Destination: "/b"}
	failed := errors.New("failed")
	for name, c := range map[string]struct {
		tool mounting
		want []specs.Mount
	}{
		"none":     {mounting{}, []specs.Mount{own}},
		"one":      {mounting{mounts: []specs.Mount{added}}, []specs.Mount{own, added}},
		"an error": {mounting{mounts: []specs.Mount{added}, err: failed}, []specs.Mount{own}},
	} {
		j := job()
		config := j.Spec
		config.Mounts = make([]specs.Mount, 1, 4)
		config.Mounts[0] = own
		if err := j.AddMounts(c.tool); !errors.Is(err, c.tool.err) || !reflect.DeepEqual(j.Spec.Mounts, c.want) {
			t.Errorf("%s: %v, %v", name, j.Spec.Mounts, err)
		}
		if len(config.Mounts) != 1 || config.Mounts[:2][1].Destination != "" {
			t.Errorf("%s: config.json has become %v", name, config.Mounts[:2])
		}
	}
}

// Save puts the data into the record before it saves that.
func TestSave(t *testing.T) {
	t.Parallel()
	c := &backends.Container{}
	failed := errors.New("failed")
	var saved string
	j := NewJob(c, &specs.Spec{}, nil, func() error { saved = string(c.Data); return failed })
	j.Data.Name = "berth-a"
	if err := j.Save(); !errors.Is(err, failed) {
		t.Error(err)
	}
	if want := `{"name":"berth-a","cgroup":"","limits":"","warden":{},"monitor":{}}`; saved != want {
		t.Errorf("saved %s, want %s", saved, want)
	}
}
