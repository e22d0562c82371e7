package exec

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/integration/cgroups"
)

func TestMain(m *testing.M) { cgroups.Main(m) }

func made(t *testing.T, path string) *cgroup.Group {
	t.Helper()
	g, err := cgroup.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// sleeper starts a process in g. It ends with the test.
func sleeper(t *testing.T, g *cgroup.Group) backends.Process {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.Fd()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p, err := backends.FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newExecution returns an exec in a container whose first process is in first and whose record
// names limits, with the processes below it in limits/ns.
func newExecution(t *testing.T, limits, first *cgroup.Group) *execution {
	t.Helper()
	d := &enclosure.Data{Limits: limits.Path(), LimitsID: limits.ID(), Cgroup: limits.Path() + "/ns"}
	namespaces := []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	return &execution{
		c: &backends.Container{ID: "box", Process: sleeper(t, first)}, data: d,
		saved: &savedconfig.Config{Linux: &specs.Linux{Namespaces: namespaces}},
	}
}

func in(t *testing.T, p backends.Process, want string) {
	t.Helper()
	if at, err := cgroup.Of(p.Pid); err != nil || at != want {
		t.Errorf("the process is in %s, %v, want %s", at, err, want)
	}
}

func TestEnterCgroup(t *testing.T) {
	t.Parallel()
	limits := made(t, cgroups.New(t))
	ns := made(t, limits.Path()+"/ns")
	sub := made(t, ns.Path()+"/sub")
	outside := made(t, limits.Path()+"/outside")
	e := newExecution(t, limits, ns)
	for name, c := range map[string]struct{ sub, want, says string }{
		"own":         {"", ns.Path(), ""},
		"below":       {"sub", sub.Path(), ""},
		"absolute":    {"/sub", sub.Path(), ""},
		"around":      {"x/../sub", sub.Path(), ""},
		"missing":     {"nosuch", outside.Path(), "--cgroup nosuch: the container has no such cgroup: "},
		"out":         {"../outside", outside.Path(), "--cgroup ../outside: bad sub cgroup path"},
		"out and in":  {"../ns/sub", sub.Path(), ""},
		"far outside": {"../..", outside.Path(), "bad sub cgroup path"},
	} {
		p := sleeper(t, outside)
		err := e.enterCgroup(p.Pid, c.sub)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
		in(t, p, c.want)
	}
}

// TestEnterAnother checks that a process does not get into a cgroup that has the path of the
// container's but is not the container's. It goes to the first process's cgroup.
func TestEnterAnother(t *testing.T) {
	t.Parallel()
	limits := made(t, cgroups.New(t))
	first := made(t, cgroups.New(t))
	e := newExecution(t, limits, first)
	if err := limits.Remove(); err != nil {
		t.Fatal(err)
	}
	another := made(t, limits.Path())
	made(t, e.data.Cgroup)
	made(t, e.data.Cgroup+"/sub")
	elsewhere := made(t, first.Path()+"/elsewhere")
	p := sleeper(t, elsewhere)
	if err := e.enterCgroup(p.Pid, "sub"); err == nil || !strings.Contains(err.Error(), "--cgroup sub: the container's cgroup "+e.data.Cgroup+" has been removed") {
		t.Errorf("a cgroup below: %v", err)
	}
	in(t, p, elsewhere.Path())
	if err := e.enterCgroup(p.Pid, ""); err != nil {
		t.Fatal(err)
	}
	in(t, p, first.Path())
	e.saved.Linux.Namespaces = nil // shares the network, in which LXC's command sockets are
	if err := e.enterCgroup(p.Pid, ""); err == nil || !strings.Contains(err.Error(), "command sockets") {
		t.Errorf("in a shared network namespace: %v", err)
	}
	if pids, err := another.Processes(); err != nil || len(pids) > 0 {
		t.Errorf("the other cgroup has the processes %v, %v", pids, err)
	}
	if _, err := e.data.OpenCgroup(); !errors.Is(err, cgroup.ErrGone) {
		t.Errorf("opened: %v", err)
	}
}
