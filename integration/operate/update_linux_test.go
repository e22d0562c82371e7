//go:build linux && testhost

package operate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
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
		if o := b.finish(cmd); o.status != 0 {
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
		if o := b.call(append(append([]string{"update"}, strings.Fields(flags)...), b.id)...); o.status != 1 || o.stderr == "" {
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
	if o.status != 0 || o.stdout != "max\nmax\n" {
		t.Errorf("%+v", o)
	}
	if o := b.exec("grep", "^0::", "/proc/self/cgroup"); o.status != 0 || o.stdout != "0::/inner\n" {
		t.Errorf("exec after that: %+v", o)
	}
}

// limitsDir returns the cgroup directory that has the container's limits.
func limitsDir(t *testing.T, b *box) string {
	t.Helper()
	data, err := os.ReadFile("/proc/" + strconv.Itoa(b.pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join("/sys/fs/cgroup", strings.TrimSuffix(path, "/ns"))
		}
	}
	t.Fatalf("no cgroup in %q", data)
	return ""
}

// TestOOM checks that events reports each process that the kernel's OOM killer has killed.
func TestOOM(t *testing.T) {
	if !*limits {
		t.Skip("without -limits")
	}
	b := run(t)
	b.expect("update", "--memory", "32m", "--memory-swap", "32m", b.id)
	cmd := b.command("events", "--interval=1h", b.id)
	done := make(chan outcome)
	go func() { done <- b.finish(cmd) }()
	time.Sleep(time.Second)
	for range 2 {
		if o := b.exec("tail", "/dev/zero"); o.status != 137 {
			t.Errorf("%+v", o)
		}
	}
	b.expect("kill", "--all", b.id, "KILL")
	if o := <-done; o.status != 0 || strings.Count(o.stdout, `{"type":"oom","id":"`+b.id+`"}`) != 2 {
		t.Errorf("%+v", o)
	}
}
