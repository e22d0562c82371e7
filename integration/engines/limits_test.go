//go:build linux

package engines

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var limitTests = []test[*podman]{
	{"limits are set on the container's cgroup", func(t *testing.T, p *podman) {
		id := p.sleeper("--memory", "32m", "--memory-reservation", "16m", "--pids-limit", "20", "--cpus", "0.5", "--cpu-shares", "512")
		p.logs(id, "ready")
		path := suite.Cgroup(t, p.pid(id))
		for file, want := range map[string]string{
			"memory.max": "33554432", "memory.low": "16777216", "pids.max": "20", "cpu.max": "50000 100000", "cpu.weight": "59|20",
		} {
			if got := governing(t, path, file); !regexp.MustCompile("^(" + want + ")$").MatchString(got) {
				t.Errorf("%s is %s, not %s", file, got, want)
			}
		}
	}},
	{"limits can be read inside", func(t *testing.T, p *podman) {
		got := p.must("run", "--rm", "--name", p.name(), "--memory", "32m", "--pids-limit", "20", "--cpus", "0.5", image,
			"sh", "-c", "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max")
		if got != "33554432\n20\n50000 100000" {
			t.Errorf("%q", got)
		}
	}},
	{"memory: a hog is killed", func(t *testing.T, p *podman) {
		id := p.detached("--memory", "32m", "--memory-swap", "32m", image, "tail", "/dev/zero")
		p.exits(id, 137)
		if got := p.ask(id, ".State.OOMKilled"); got != "true" {
			t.Errorf("OOMKilled is %s", got)
		}
	}},
	{"pids: a fork bomb is stopped", func(t *testing.T, p *podman) {
		r := p.run("run", "--rm", "--name", p.name(), "--pids-limit", "20", image, "sh", "-c", "for i in $(seq 50); do sleep 300 & done; echo all")
		if !strings.Contains(r.stderr, "can't fork") || strings.Contains(r.stdout, "all") {
			t.Errorf("%+v", r)
		}
	}},
	{"cpu: half of one", func(t *testing.T, p *podman) {
		id := p.detached("--cpus", "0.5", image, "sh", "-c", "while :; do :; done")
		path := governed(suite.Cgroup(t, p.pid(id)))
		// The kernel counts periods only while the container wants to run. It has half of each, and
		// on a busy host less. In some it must have been stopped for having used its half.
		const many = 20
		first := cpuStat(t, path)
		var used, periods int
		eventually(t, "periods in which it is throttled", func() bool {
			now := cpuStat(t, path)
			used, periods = now["usage_usec"]-first["usage_usec"], now["nr_periods"]-first["nr_periods"]
			return now["nr_throttled"] > first["nr_throttled"] && periods >= many
		})
		// One period more has begun, and another had when the first was counted.
		if most := (periods + 2) * 50000 * 13 / 10; used > most {
			t.Errorf("in %d periods it had %d µs of a CPU, more than %d", periods, used, most)
		}
	}},
	{"limits of a pod", func(t *testing.T, p *podman) {
		name := p.name() + "-pod"
		p.must("pod", "create", "--name", name, "--memory", "64m")
		t.Cleanup(func() { p.must("pod", "rm", "--force", "--ignore", "--time", "0", name) })
		id := p.sleeper("--pod", name, "--memory", "32m")
		path := suite.Cgroup(t, p.pid(id))
		if got := governing(t, path, "memory.max"); got != "33554432" {
			t.Errorf("the container's memory.max is %s", got)
		}
		found := false
		for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
			found = found || read(t, dir, "memory.max") == "67108864"
		}
		if !found && !ofProxmox(path) {
			t.Errorf("no cgroup above %s has the pod's limit", path)
		}
	}},
}

const cgroups = "/sys/fs/cgroup"

func read(t *testing.T, path, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(cgroups, path, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// ofProxmox is true for a cgroup of Proxmox VE, which puts CTs below /lxc whatever cgroup an engine
// names.
func ofProxmox(path string) bool { return strings.HasPrefix(path, "/lxc/") }

// governed returns the cgroup that has a container's limits. If the parent of its cgroup is its
// systemd scope or Proxmox VE's cgroup, it is the parent.
func governed(path string) string {
	if strings.HasSuffix(filepath.Dir(path), ".scope") || ofProxmox(path) {
		return filepath.Dir(path)
	}
	return path
}

// governing returns a limit of a container from its cgroup path.
func governing(t *testing.T, path, file string) string {
	t.Helper()
	return read(t, governed(path), file)
}

// cpuStat returns the CPU time that a cgroup has used and the periods of its quota (cgroup-v2.rst,
// cpu.stat).
func cpuStat(t *testing.T, path string) map[string]int {
	t.Helper()
	stat := map[string]int{}
	for line := range strings.Lines(read(t, path, "cpu.stat")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		stat[key] = number(t, value)
	}
	return stat
}
