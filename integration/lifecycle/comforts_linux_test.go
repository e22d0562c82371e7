//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

const askForLXCFS = "io.github.berth-oci.pct.lxcfs"

// withConfig creates the container with a configuration file of this text.
func (b *box) withConfig(text string) suite.Outcome {
	b.Helper()
	config := filepath.Join(filepath.Dir(b.bundle), b.id+".toml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := b.command(b.createArgs()...)
	cmd.Args = slices.Insert(cmd.Args, 1, "--config", config)
	return suite.Execute(b.T, cmd)
}

// TestComfortsOfACT checks that a CT has the configured tags and pool and does not start with the
// host.
func TestComfortsOfACT(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	if o := b.withConfig("[pct]\ntags = [\"mine\"]\npool = \"berthpool\"\n"); o.Status != 0 {
		t.Fatalf("status %d: %s", o.Status, o.Stderr)
	}
	b.readPid()
	vmid := b.enclosureName()
	ct := ctConfig(t, vmid)
	if !slices.Contains(strings.Split(ct["tags"], ";"), "mine") {
		t.Errorf("tags %q", ct["tags"])
	}
	if on := ct["onboot"]; on != "" && on != "0" {
		t.Errorf("onboot is %q", on)
	}
	if !pooled(t, vmid) {
		t.Error("it is not in the pool")
	}
	b.must("delete", "--force", b.id)
	if pooled(t, vmid) {
		t.Error("it is still in the pool")
	}
	none := newBox(t, forever)
	if o := none.withConfig("[pct]\npool = \"nosuch\"\n"); o.Status != 1 || !strings.Contains(o.Stderr, "pool 'nosuch' does not exist") {
		t.Errorf("a pool that is not there: status %d: %s", o.Status, o.Stderr)
	}
}

// pooled reports whether a CT is in the pool of the stand-in.
func pooled(t *testing.T, vmid string) bool {
	t.Helper()
	data, err := os.ReadFile("/etc/pve/user.cfg")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Split(line, ":"); fields[0] == "pool" && fields[1] == "berthpool" {
			return slices.Contains(strings.Split(fields[3], ","), vmid)
		}
	}
	t.Fatalf("user.cfg has no pool: %s", data)
	return false
}

// TestLXCFS checks that a container with LXCFS has its files in /proc, read-only and also in exec,
// and sees its own memory limit if it has one. A container without LXCFS sees the kernel's files.
func TestLXCFS(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	const limit = 64 << 20
	limited := func(s *specs.Spec) {
		if hasController("memory") {
			n := int64(limit)
			s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}}
		}
	}
	const mounted = "grep -c lxcfs /proc/self/mountinfo"
	for name, c := range map[string]struct {
		config string
		edit   func(*specs.Spec)
		want   bool
	}{
		"configured":          {"[pct]\nlxcfs = true\n", limited, true},
		"by annotation":       {"", func(s *specs.Spec) { limited(s); annotate(askForLXCFS, "true")(s) }, true},
		"not this one":        {"[pct]\nlxcfs = true\n", annotate(askForLXCFS, "false"), false},
		"neither":             {"", func(*specs.Spec) {}, false},
		"not into the rootfs": {"[pct]\nlxcfs = true\n", func(s *specs.Spec) { limited(s); s.Mounts = slices.DeleteFunc(s.Mounts, isSysfs) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever, c.edit)
			if o := b.withConfig(c.config); o.Status != 0 {
				t.Fatalf("status %d: %s", o.Status, o.Stderr)
			}
			b.readPid()
			b.start()
			b.awaitFile("started")
			o := b.berth("exec", b.id, "sh", "-c", mounted+"; head -n 1 /proc/meminfo; wc -l </proc/cpuinfo; cat /proc/uptime >/dev/null; echo >/proc/uptime")
			lines := strings.Split(o.Stdout, "\n")
			count, err := strconv.Atoi(lines[0])
			if err != nil || (count > 0) != c.want {
				t.Errorf("%d mounts of LXCFS; %q, stderr %q", count, o.Stdout, o.Stderr)
			}
			if o.Status == 0 {
				t.Error("/proc/uptime can be written")
			}
			if total := fmt.Sprintf("%d kB", limit>>10); c.want && hasController("memory") && !strings.Contains(o.Stdout, total) {
				t.Errorf("meminfo says %q, want %s", lines[1], total)
			}
			if _, err := os.Lstat(filepath.Join(b.rootfs(), "sys/devices")); err == nil {
				t.Error("the rootfs has got a directory")
			}
			b.must("delete", "--force", b.id)
		})
	}
}

func isSysfs(m specs.Mount) bool {
	return m.Destination == "/sys" || strings.HasPrefix(m.Destination, "/sys/")
}

// TestLXCLines checks that the administrator's LXC lines reach the container, and that annotations
// cannot add any.
func TestLXCLines(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	const lines = "[pct]\nlxc-lines = [\"lxc.sysctl.net.ipv4.ip_unprivileged_port_start = 77\", \"lxc.cgroup2.cgroup.max.descendants = 55\"]\n"
	b := newBox(t, forever)
	if o := b.withConfig(lines); o.Status != 0 {
		t.Fatalf("status %d: %s", o.Status, o.Stderr)
	}
	b.readPid()
	b.start()
	b.awaitFile("started")
	if got := b.must("exec", b.id, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"); got != "77\n" {
		t.Errorf("the network's sysctl is %q", got)
	}
	if data, err := os.ReadFile("/sys/fs/cgroup/lxc/" + b.enclosureName() + "/cgroup.max.descendants"); string(data) != "55\n" {
		t.Errorf("the cgroup's limit is %q (%v)", data, err)
	}
	b.must("delete", "--force", b.id)

	for _, key := range []string{"lxc-lines", "lxc", "lxc.mount.entry"} {
		refused := newBox(t, "true", annotate("io.github.berth-oci.pct."+key, "lxc.mount.entry = / host none bind"))
		if o := refused.withConfig(lines); o.Status != 1 || !strings.Contains(o.Stderr, `io.github.berth-oci.pct.`+key+`\"]: there is no such annotation`) {
			t.Errorf("%s: status %d, stderr %q", key, o.Status, o.Stderr)
		}
	}
}
