//go:build linux && integration

package lifecycle

import (
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

// TestTimeNamespace checks that a time namespace is new and has its offsets, or is another
// container's, and that exec joins it.
func TestTimeNamespace(t *testing.T) {
	t.Parallel()
	const far = 400000000 // s, longer than any test host is up
	offset := func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: far, Nanosecs: 5}, "monotonic": {Secs: 7}}
	}
	const script = "awk '{print $2, $3}' /proc/self/timens_offsets; cut -d. -f1 /proc/uptime; echo done >/out/done; exec sleep 1000"
	check := func(b *box) {
		t.Helper()
		b.create()
		b.start()
		b.awaitFile("done")
		var mono, monoNano, boot, bootNano, up int64
		if _, err := fmt.Sscan(b.said("stdout"), &mono, &monoNano, &boot, &bootNano, &up); err != nil || mono != 7 || boot != far || bootNano != 5 || up < far {
			t.Errorf("%v: inside: %q", err, b.said("stdout"))
		}
		own := suite.Namespace(t, b.pid, "time")
		if own == suite.Namespace(t, os.Getpid(), "time") {
			t.Error("the time namespace is the host's")
		}
		if got := b.must("exec", b.id, "readlink", "/proc/self/ns/time"); got != own+"\n" {
			t.Errorf("exec is in %s, the container in %s", got, own)
		}
	}
	a := newBox(t, script, offset)
	check(a)
	path := specs.LinuxNamespace{Type: specs.TimeNamespace, Path: fmt.Sprintf("/proc/%d/ns/time", a.pid)}
	for name, edit := range map[string]func(*specs.Spec){
		"path": func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, path) },
		"path-with-pid": func(s *specs.Spec) {
			a.sharePIDs()(s)
			s.Linux.Namespaces = append(s.Linux.Namespaces, path)
		},
		"new-with-pid": func(s *specs.Spec) {
			a.sharePIDs()(s)
			offset(s)
		},
	} {
		b := a.sibling(name, script)
		b.spec.Linux.TimeOffsets = nil
		edit(b.spec)
		b.write()
		check(b)
		if strings.HasPrefix(name, "path") && suite.Namespace(t, a.pid, "time") != suite.Namespace(t, b.pid, "time") {
			t.Errorf("%s: not the same time namespace", name)
		}
		b.kill()
		b.must("delete", b.id)
	}
	a.kill()

	for _, name := range []string{"new", "path"} {
		b := newBox(t, script, suite.InUserNamespace)
		if name == "new" {
			offset(b.spec)
		} else {
			c := b.sibling("first", forever, offset)
			c.running()
			b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace, Path: fmt.Sprintf("/proc/%d/ns/time", c.pid)})
			defer func() { c.must("kill", c.id, "KILL"); c.wait() }()
		}
		suite.ChownTree(t, b.rootfs(), 100000)
		if err := os.Lchown(b.out, 100000, 100000); err != nil {
			t.Fatal(err)
		}
		b.write()
		check(b)
		b.kill()
	}
}

// TestPctCgroupsPath checks that with the setting cgroups-path a CT is in the cgroup that
// config.json names, and leaves no cgroup behind.
func TestPctCgroupsPath(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	parent := "/berth-test-pod-" + b.id
	b.spec.Linux.CgroupsPath = parent + "/" + b.id
	b.write()
	file := filepath.Join(b.bundle, "berth.toml")
	if err := os.WriteFile(file, []byte("[pct]\ncgroups-path = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove("/sys/fs/cgroup" + parent); err != nil {
			t.Error(err)
		}
	})
	create := b.command(b.createArgs()...)
	create.Args = slices.Insert(create.Args, 1, "--config", file)
	b.createWith(create)
	b.start()
	b.awaitFile("started")
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", b.pid))
	if want := "0::" + b.spec.Linux.CgroupsPath + "\n"; err != nil || !strings.HasSuffix(string(data), want) {
		t.Errorf("its cgroup is %q (%v), want %q", data, err, want)
	}
	b.must("pause", b.id)
	b.must("resume", b.id)
	b.must("exec", b.id, "true")
	b.kill()
	b.must("delete", b.id)
	if _, err := os.Stat("/sys/fs/cgroup" + b.spec.Linux.CgroupsPath); err == nil {
		t.Error("the cgroup is left behind")
	}
}

// TestNetDevices checks that a network device moves into the container with its new name and its
// addresses.
func TestNetDevices(t *testing.T) {
	t.Parallel()
	name := fmt.Sprintf("bt%d", os.Getpid()%100000)
	suite.Output(t, "ip", "link", "add", name, "type", "veth", "peer", "name", name+"p")
	t.Cleanup(func() { _, _ = suite.Run(exec.Command("ip", "link", "del", name)) })
	suite.Output(t, "ip", "addr", "add", "10.98.76.5/24", "dev", name)
	suite.Output(t, "ip", "-6", "addr", "add", "fd00:98::5/64", "dev", name, "nodad")
	b := newBox(t, "ip addr show dev inner")
	b.spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{name: {Name: "inner"}}
	b.write()
	got := b.output()
	for _, want := range []string{"10.98.76.5/24", "fd00:98::5/64", "UP"} {
		if !strings.Contains(got, want) {
			t.Errorf("inside: %s; want %s", got, want)
		}
	}
	b.spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"not-there": {}}
	b.write()
	b.refused(`linux.netDevices[\"not-there\"]`, b.createArgs()...)
}

// TestMemoryPolicy checks that the first process and exec's process have the memory policy. A
// kernel without NUMA makes create refuse it.
func TestMemoryPolicy(t *testing.T) {
	t.Parallel()
	b := newBox(t, "head -1 /proc/self/numa_maps; echo >/out/done; exec sleep 1000")
	b.spec.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}
	b.write()
	if _, err := os.Stat("/proc/self/numa_maps"); err != nil {
		b.refused("linux.memoryPolicy", b.createArgs()...)
		return
	}
	b.create()
	b.start()
	b.awaitFile("done")
	for what, got := range map[string]string{"first": b.said("stdout"), "exec": b.must("exec", b.id, "head", "-1", "/proc/self/numa_maps")} {
		if !strings.Contains(got, " bind=static:0 ") {
			t.Errorf("%s: %q", what, got)
		}
	}
	b.kill()
}

// TestScheduling checks that the first process and exec's process have the scheduler, the I/O
// priority and the personality, with a new pid namespace and with another container's.
func TestScheduling(t *testing.T) {
	t.Parallel()
	const script = "cut -d' ' -f19,41 /proc/self/stat; ionice -p $$; uname -m"
	set := func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5}
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 3}
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	}
	machine := strings.TrimSpace(suite.Output(t, "setarch", "linux32", "uname", "-m"))
	want := "5 3\nbest-effort: prio 3\n" + machine + "\n"
	a := newBox(t, script+"; echo >/out/done; exec sleep 1000", set)
	a.create()
	a.start()
	a.awaitFile("done")
	b := a.sibling("b", script, set, a.sharePIDs())
	last, _ := b.end()
	for what, got := range map[string]string{"first": a.said("stdout"), "born last": last, "exec": a.must("exec", a.id, "sh", "-c", script)} {
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	b.must("delete", b.id)
	a.kill()
}
