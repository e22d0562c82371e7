//go:build linux && testhost

package operate

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestUpdate changes limits one after the other. Each update must leave the other limits unchanged.
func TestUpdate(t *testing.T) {
	if !*limits {
		t.Skip("without -limits")
	}
	b := run(t)
	dir := limitsDir(t, b)
	for _, step := range []struct {
		flags, stdin string
		want         map[string]string
		pct          string
	}{
		{"--memory 64m --memory-swap 128m --cpu-quota 50000 --pids-limit 33 --cpu-share 512", "",
			map[string]string{"memory.max": "67108864", "memory.swap.max": "67108864", "cpu.max": "50000 100000", "pids.max": "33", "cpu.weight": "59"},
			"memory: 64\nswap: 64\ncpulimit: 0.5\n"},
		{"--cpu-period 50000", "",
			map[string]string{"memory.max": "67108864", "cpu.max": "50000 50000", "pids.max": "33"}, "cpulimit: 1\n"},
		{"--resources -", `{"memory":{"limit":50000000},"pids":{"limit":44},"unified":{"memory.low":"4096"}}`,
			map[string]string{"memory.max": "49999872", "memory.swap.max": "84213760", "pids.max": "44", "memory.low": "4096", "cpu.max": "50000 50000"},
			"memory: 48\nswap: 81\n"},
		{"--memory 32m --memory-swap 32m", "",
			map[string]string{"memory.max": "33554432", "memory.swap.max": "0", "memory.high": "max"}, "memory: 32\nswap: 0\n"},
		{"--memory -1", "", map[string]string{"memory.max": "max", "memory.swap.max": "max", "pids.max": "44", "cpu.weight": "59"}, ""},
		// The kernel accepts no weight beside cpu.idle.
		{"--cpu-idle 1", "", map[string]string{"cpu.idle": "1", "cpu.max": "50000 50000", "pids.max": "44"}, ""},
		{"--cpu-idle 0", "", map[string]string{"cpu.idle": "0", "cpu.weight": "100", "cpu.max": "50000 50000"}, ""},
		{"--cpu-share 512", "", map[string]string{"cpu.idle": "0", "cpu.weight": "59"}, ""},
		{"--pids-limit 0", "", map[string]string{"pids.max": "1"}, ""},
	} {
		cmd := b.command(append(append([]string{"update"}, strings.Fields(step.flags)...), b.id)...)
		cmd.Stdin = strings.NewReader(step.stdin)
		if o := suite.Execute(t, cmd); o.Status != 0 {
			t.Fatalf("%s: %+v", step.flags, o)
		}
		for file, want := range step.want {
			data, err := os.ReadFile(filepath.Join(dir, file))
			if got := strings.TrimSpace(string(data)); err != nil || got != want {
				t.Errorf("%s: %s is %q, want %q (%v)", step.flags, file, got, want, err)
			}
		}
		if *backend != "pct" {
			continue
		}
		out, err := exec.Command("pct", "config", filepath.Base(dir)).Output()
		for line := range strings.Lines(step.pct) {
			if err != nil || !strings.Contains(string(out), line) {
				t.Errorf("%s: pct config has no %q: %v\n%s", step.flags, line, err, out)
			}
		}
	}
	for _, flags := range []string{"--memory junk", "--memory 1x", "--cpu-quota 5k", "--resources /none", "--blkio-weight 100000"} {
		if o := b.call(append(append([]string{"update"}, strings.Fields(flags)...), b.id)...); o.Status != 1 || o.Stderr == "" {
			t.Errorf("%s: %+v", flags, o)
		}
	}
}

// TestDelegation checks that processes in the container can enable controllers for their child
// cgroups and that exec still works afterwards. No other process is in the container's cgroup,
// because that would forbid it (cgroups(7), "no internal processes").
func TestDelegation(t *testing.T) {
	if !*limits {
		t.Skip("without -limits")
	}
	b := run(t, func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup"})
	})
	o := b.exec("sh", "-ec", `cd /sys/fs/cgroup; mkdir inner; for p in 1 $$ $(pidof sleep); do echo $p >inner/cgroup.procs; done
		echo +memory +pids >cgroup.subtree_control; mkdir other; cat cgroup.procs other/memory.max other/pids.max`)
	if o.Status != 0 || o.Stdout != "max\nmax\n" {
		t.Errorf("%+v", o)
	}
	if o := b.exec("grep", "^0::", "/proc/self/cgroup"); o.Status != 0 || o.Stdout != "0::/inner\n" {
		t.Errorf("exec after that: %+v", o)
	}
}

// limitsDir returns the cgroup directory that has the container's limits.
func limitsDir(t *testing.T, b *box) string {
	t.Helper()
	return filepath.Join("/sys/fs/cgroup", strings.TrimSuffix(suite.Cgroup(t, b.pid), "/ns"))
}

// TestOOM checks that events reports each process that the kernel's OOM killer has killed.
func TestOOM(t *testing.T) {
	if !*limits {
		t.Skip("without -limits")
	}
	b := run(t)
	b.expect("update", "--memory", "32m", "--memory-swap", "32m", b.id)
	cmd := b.command("events", "--interval=1h", b.id)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	suite.Eventually(t, "events watches", func() bool { return watches(cmd.Process.Pid) })
	for range 2 {
		if o := b.exec("tail", "/dev/zero"); o.Status != 137 {
			t.Errorf("%+v", o)
		}
	}
	b.expect("kill", "--all", b.id, "KILL")
	if err := cmd.Wait(); err != nil || strings.Count(stdout.String(), `{"type":"oom","id":"`+b.id+`"}`) != 2 {
		t.Errorf("%v: %s", err, &stdout)
	}
}

// watches reports whether berth events waits for changes of the container's cgroup: it has an
// inotify watch on each of two files (proc_pid_fdinfo(5)), and none of its threads runs.
func watches(pid int) bool {
	dir := fmt.Sprintf("/proc/%d/", pid)
	count := 0
	for _, name := range glob(dir + "fdinfo/*") {
		data, _ := os.ReadFile(name)
		count += strings.Count(string(data), "inotify wd:")
	}
	idle := !slices.ContainsFunc(glob(dir+"task/*/status"), func(name string) bool {
		data, _ := os.ReadFile(name)
		return !strings.Contains(string(data), "\nState:\tS")
	})
	return count == 2 && idle
}

func glob(pattern string) []string {
	names, _ := filepath.Glob(pattern)
	return names
}
