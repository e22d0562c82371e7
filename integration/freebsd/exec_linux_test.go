//go:build linux && testhost

package freebsd

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/integration/freebsd/host"
	"github.com/berth-oci/berth/integration/suite"
)

// sleeper starts a container that does nothing.
func sleeper(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.create()
	b.berth("start", b.id)
	return b
}

// end deletes the container and checks that nothing is left.
func (b *box) end() {
	b.Helper()
	b.berth("delete", "--force", b.id)
	b.wait(b.pid())
	b.wantNoTraces()
	b.noProcess()
}

func TestExec(t *testing.T) {
	t.Parallel()
	b := sleeper(t)
	o := suite.Execute(t, b.command("exec", "--user", "5:6", "--cwd", "/tmp", "--env", "A=b", b.id, "sh", "-c", "id -u; id -g; pwd; echo $A; exit 9"))
	if o != (suite.Outcome{Stdout: "5\n6\n/tmp\nb\n", Status: 9}) {
		t.Errorf("%+v", o)
	}
	b.refused("executable file not found in $PATH", "exec", b.id, "nothing")
	b.berth("exec", "--detach", "--pid-file", b.file("pid2"), b.id, "sh", "-c", "sleep 1000")
	var pid int
	fmt.Sscan(b.sh("cat "+b.file("pid2")), &pid)
	if got := pids(b.berth("ps", "--format", "json", b.id)); !slices.Equal(got, sorted(b.pid(), pid)) {
		t.Errorf("ps shows %v, not %d and %d", got, b.pid(), pid)
	}
	b.berth("kill", "--all", b.id, "KILL")
	if status := b.wait(pid); status != 137 {
		t.Errorf("the second process ended with %d", status)
	}
	if status := b.wait(b.pid()); status != 137 {
		t.Errorf("the first process ended with %d", status)
	}
	b.refused("cannot exec in a stopped container", "exec", b.id, "true")
	b.berth("delete", b.id)
	b.wantNoTraces()
}

func pids(text string) []int {
	var list []int
	_ = json.Unmarshal([]byte(text), &list)
	return list
}

func sorted(list ...int) []int { slices.Sort(list); return list }

func TestExecBeforeStart(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.create()
	if out := b.berth("exec", b.id, "echo", "early"); out != "early\n" {
		t.Errorf("got %q", out)
	}
	b.wantStatus(specs.StateCreated)
	b.end()
}

func TestPreservedDescriptors(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Process.Args = []string{"sh", "-c", "cat <&3; { cat <&4; } 2>/dev/null || echo no 4"}
	b.bundle()
	in := b.write("in", "three\n")
	f, err := os.Open(in)
	b.must(err)
	defer f.Close()
	cmd := b.command("run", "--preserve-fds", "1", b.id)
	cmd.ExtraFiles = []*os.File{f, f}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "three\nno 4\n" {
		t.Errorf("%v: %q", err, out)
	}
	b.refused("is not open", "create", "--preserve-fds", "1", b.id)
}

func TestPause(t *testing.T) {
	t.Parallel()
	b := sleeper(t)
	b.refused("a jail cannot be paused: FreeBSD has no freezer", "pause", b.id)
	b.refused("container not paused", "resume", b.id)
	b.end()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	memory := int64(1 << 20)
	b.config.Linux = &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory}}}
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.create()
	b.berth("start", b.id)
	b.wantLimits("memoryuse:deny=1048576")
	b.berth("update", "--memory", "2m", "--pids-limit", "9", "--cpu-quota", "150000", "--cpu-period", "100000", b.id)
	b.wantLimits("maxproc:deny=9", "memoryuse:deny=2097152", "pcpu:deny=150")
	b.berth("update", "--pids-limit=-1", b.id)
	b.wantLimits("memoryuse:deny=2097152", "pcpu:deny=150")
	b.refused("linux.resources.cpu.shares: FreeBSD has no such limit", "update", "--memory", "3m", "--cpu-share", "5", b.id)
	// The second of two changes fails, and the first is reverted.
	b.host(func(h *host.Host) { h.FailAt, h.Fail = len(h.Calls)+3, host.Early })
	b.refused("told to fail", "update", "--memory", "3m", "--pids-limit", "4", b.id)
	b.wantLimits("memoryuse:deny=2097152", "pcpu:deny=150")

	var event struct {
		Type string
		Data backends.Stats
	}
	b.must(json.Unmarshal([]byte(b.berth("events", "--stats", b.id)), &event))
	if s := event.Data; s.CPU.Usage.Total != uint64(3*time.Second) || s.Memory.Usage.Usage != 1<<20 || s.Memory.Usage.Limit != 2<<20 || s.Pids.Current != 1 {
		t.Errorf("got %+v", event)
	}
	b.end()
}

func (b *box) wantLimits(want ...string) {
	b.Helper()
	b.host(func(h *host.Host) {
		var got []string
		for _, l := range h.Limits {
			got = append(got, strings.TrimPrefix(l, "jail:"+b.id+":"))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			b.Errorf("limits %q, not %q", got, want)
		}
	})
}

func TestNoRacct(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	memory := int64(1 << 20)
	b.config.Linux = &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory}}}
	b.host(func(h *host.Host) { h.NoRacct = true })
	b.bundle()
	b.refused("kern.racct.enable=1 tunable (set it to 1 in /boot/loader.conf, then reboot)", "create", b.id)
	b.wantNoTraces()
	b.config.Linux = nil
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.create()
	b.berth("start", b.id)
	b.refused("statistics: rctl -u", "events", "--stats", b.id)
	b.refused("kern.racct.enable=1 tunable", "update", "--pids-limit", "5", b.id)
	b.end()
}

// TestDeleteAll checks that delete kills all processes of a container whose first process has
// ended.
func TestDeleteAll(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.sh("touch " + b.root("dev", "null")) // a shell's jobs read it
	b.config.Process.Args = []string{"sh", "-c", "for i in 1 2 3 4 5; do (trap '' TERM HUP; sleep 1000) & done; exit 0"}
	b.create()
	b.berth("start", b.id)
	b.wait(b.pid())
	b.wantStatus(specs.StateStopped)
	if left := pids(b.berth("ps", "--format", "json", b.id)); len(left) != 5 {
		b.Errorf("processes %v, not the five that are left", left)
	}
	b.berth("delete", b.id)
	b.wantNoTraces()
	b.noProcess()
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	row := func(b *box, check string) string {
		out, _ := b.command("doctor", "--json").Output() // its exit status is the worst verdict
		var rows []struct{ Check, Verdict, Looked string }
		b.must(json.Unmarshal(out, &rows))
		for _, r := range rows {
			if r.Check == check {
				return r.Verdict + ": " + r.Looked
			}
		}
		return "none"
	}
	healthy := []string{
		"BERTH_JAIL_SYSCTL_kern.racct.enable=1", "BERTH_JAIL_SYSCTL_kern.features.vimage=1", "BERTH_JAIL_SYSCTL_compat.linux.default_openfiles=1024",
	}
	for name, c := range map[string]struct {
		without     string // what the kernel lacks
		with        string
		change      func(h *host.Host)
		check, want string
	}{
		"limits":            {check: "resource limits", want: "pass: kern.racct.enable is 1"},
		"no racct":          {without: "racct", check: "resource limits", want: "warn: the kernel has no kern.racct.enable"},
		"racct disabled":    {without: "racct", with: "BERTH_JAIL_SYSCTL_kern.racct.enable=0", check: "resource limits", want: "warn: kern.racct.enable is 0"},
		"vnet":              {check: "network stacks (vnet)", want: "pass"},
		"no vnet":           {without: "vimage", check: "network stacks (vnet)", want: "warn: the kernel has no VIMAGE"},
		"Linux":             {check: "Linux programs", want: "pass"},
		"no Linux":          {without: "linux", check: "Linux programs", want: "warn: linux64 is not loaded"},
		"rules":             {check: "devfs ruleset 4", want: "pass"},
		"no rules":          {change: func(h *host.Host) { h.Rulesets["4"] = nil }, check: "devfs ruleset 4", want: "fail: it is empty"},
		"nothing is hidden": {change: func(h *host.Host) { h.Rulesets["1"] = nil }, check: "devfs ruleset 4", want: "fail: it does not hide mem"},
		"disks are shown": {change: func(h *host.Host) { h.Rulesets["4"] = append(h.Rulesets["4"], "600 path *da[0-9]* unhide") },
			check: "devfs ruleset 4", want: "fail: it does not hide ada0"},
		"too much is hidden": {change: func(h *host.Host) { h.Rulesets["4"] = append(h.Rulesets["4"], "600 path *random hide") },
			check: "devfs ruleset 4", want: "warn: it does not show random"},
		"tools":    {check: "backend jail", want: "pass"},
		"no tools": {with: "BERTH_JAIL_TOOLS=/nonexistent", check: "backend jail", want: "pass: not usable on this host: jail is missing on this host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			for _, line := range healthy {
				if c.without == "" || !strings.Contains(line, c.without) {
					b.extra = append(b.extra, line)
				}
			}
			if c.with != "" {
				b.extra = append(b.extra, c.with)
			}
			if c.change != nil {
				b.host(c.change)
			}
			if got := row(b, c.check); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %s", c.check, got)
			}
		})
	}
}
