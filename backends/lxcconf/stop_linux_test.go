package lxcconf

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/integration/cgroups"
)

func TestMain(m *testing.M) { cgroups.Main(m) }

// TestStop checks that the stop hook kills what is in the container's cgroup, and nothing if
// another cgroup has the path.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		note  func(id uint64) string
		kills bool
	}{
		"own":           {func(id uint64) string { return strconv.FormatUint(id, 10) }, true},
		"another":       {func(id uint64) string { return strconv.FormatUint(id+1, 10) }, false},
		"not noted yet": {func(uint64) string { return "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := cgroup.Make(cgroups.New(t))
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}}}}
			j := enclosure.NewJob(&backends.Container{Dir: t.TempDir()}, s, nil, nil)
			j.Data.Cgroup = g.Path()
			if err := LinkCgroup(j); err != nil {
				t.Fatal(err)
			}
			if note := c.note(g.ID()); note != "" {
				if err := os.WriteFile(j.CgroupIDFile(), []byte(note), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			sleep := exec.Command("sleep", "1000")
			sleep.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.Fd()}
			if err := sleep.Start(); err != nil {
				t.Fatal(err)
			}
			// LXC passes the value to a shell.
			if out, err := exec.Command("/bin/sh", "-c", Hook(stop(j))).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s, %v", out, err)
			}
			_ = sleep.Process.Signal(unix.SIGTERM)
			_ = sleep.Wait()
			if killed := sleep.ProcessState.Sys().(syscall.WaitStatus).Signal() == unix.SIGKILL; killed != c.kills {
				t.Errorf("killed: %t", killed)
			}
		})
	}
}

// TestStopWithoutCgroup checks that the stop hook does nothing if there is no cgroup.
func TestStopWithoutCgroup(t *testing.T) {
	t.Parallel()
	s := &specs.Spec{Linux: &specs.Linux{}}
	j := enclosure.NewJob(&backends.Container{Dir: t.TempDir()}, s, nil, nil)
	j.Data.Cgroup = "/berth-test-nosuch"
	if err := LinkCgroup(j); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/bin/sh", "-c", Hook(stop(j))).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s, %v", out, err)
	}
	if entries, err := filepath.Glob(filepath.Join(j.Dir, "*")); err != nil || strings.Join(entries, " ") != cgroupLink(j) {
		t.Errorf("files %q, %v", entries, err)
	}
}
