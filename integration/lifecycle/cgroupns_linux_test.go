//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestCgroupNamespaceByPath checks that the first process and every exec are in the cgroup
// namespace that config.json gives by its path, with any other namespaces made or joined.
func TestCgroupNamespaceByPath(t *testing.T) {
	t.Parallel()
	const script = "readlink /proc/self/ns/cgroup >/out/started; exec sleep 1000"
	by := func(kind specs.LinuxNamespaceType, file string) func(*specs.Spec, int) {
		return func(s *specs.Spec, pid int) { suite.Share(kind, fmt.Sprintf("/proc/%d/ns/%s", pid, file))(s) }
	}
	none := func(*specs.Spec, int) {}
	for _, c := range []struct {
		name string
		// owner is true if a user namespace owns the cgroup namespace.
		owner bool
		with  func(s *specs.Spec, pid int)
	}{
		{"alone", false, none},
		{"in a new user namespace", false, func(s *specs.Spec, _ int) { suite.InUserNamespace(s) }},
		{"in an existing pid namespace", false, by(specs.PIDNamespace, "pid")},
		{"in the host's pid namespace", false, func(s *specs.Spec, _ int) { suite.Share(specs.PIDNamespace, "")(s) }},
		{"in a new time namespace", false, func(s *specs.Spec, _ int) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		}},
		{"with its user namespace", true, by(specs.UserNamespace, "user")},
		{"with its user and pid namespaces", true, func(s *specs.Spec, pid int) {
			by(specs.UserNamespace, "user")(s, pid)
			by(specs.PIDNamespace, "pid")(s, pid)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var edits []func(*specs.Spec)
			if c.owner {
				edits = append(edits, suite.InUserNamespace)
			}
			a := newBox(t, script, edits...)
			lend(a)
			a.running()
			b := a.sibling("b", script, suite.Share(specs.CgroupNamespace, fmt.Sprintf("/proc/%d/ns/cgroup", a.pid)))
			c.with(b.spec, a.pid)
			b.write()
			lend(b)
			b.create()
			want := suite.Namespace(t, a.pid, "cgroup")
			if got := suite.Namespace(t, b.pid, "cgroup"); got != want || got == suite.Namespace(t, os.Getpid(), "cgroup") {
				t.Errorf("created: it is in %s, and not in %s", got, want)
			}
			if got := b.must("exec", b.id, "readlink", "/proc/self/ns/cgroup"); got != want+"\n" {
				t.Errorf("exec before start is in %q, and not in %s", got, want)
			}
			b.start()
			if got := b.awaitFile("started"); got != want+"\n" {
				t.Errorf("started: it is in %q, and not in %s", got, want)
			}
			if got := b.must("exec", b.id, "readlink", "/proc/self/ns/cgroup"); got != want+"\n" {
				t.Errorf("exec is in %q, and not in %s", got, want)
			}
			// The process sees the view of the joined namespace, but is in its own cgroup.
			if text := b.must("exec", b.id, "cat", "/proc/self/cgroup"); !strings.Contains(text, "0::/../") {
				t.Errorf("it sees itself in %q", text)
			}
			for _, box := range []*box{b, a} {
				box.kill()
				box.must("delete", box.id)
			}
		})
	}
}

// TestCgroupNamespaceOfHost checks that exec is in the host's cgroup namespace if config.json names
// it by its path or has no cgroup namespace. The mount options of the host's hierarchy must stay as
// they are, although a new mount of it could change them.
func TestCgroupNamespaceOfHost(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"by path": "/proc/self/ns/cgroup", "without one": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, own := hierarchy(t), suite.Namespace(t, os.Getpid(), "cgroup")
			b := newBox(t, forever, suite.Share(specs.CgroupNamespace, path))
			b.running()
			if got := suite.Namespace(t, b.pid, "cgroup"); got != own {
				t.Errorf("it is in %s, and not in %s", got, own)
			}
			if got := b.must("exec", b.id, "readlink", "/proc/self/ns/cgroup"); got != own+"\n" {
				t.Errorf("exec is in %q, and not in %s", got, own)
			}
			if got := b.must("exec", b.id, "ls", "/sys/fs/cgroup"); !strings.Contains(got, "system.slice\n") {
				t.Errorf("the host's tree is not in view: %q", got)
			}
			if after := hierarchy(t); after != before {
				t.Errorf("the host's mount was %s and is %s", before, after)
			}
			b.kill()
			b.must("delete", b.id)
		})
	}
}

// lend gives the user of suite.InUserNamespace the root directory, in which create makes mount points,
// and lets the container write to /out.
func lend(b *box) {
	b.Helper()
	suite.ChownTree(b.T, b.rootfs(), 100000)
	if err := os.Chmod(b.out, 0o777); err != nil {
		b.Fatal(err)
	}
}

// hierarchy returns the line of mountinfo that shows how the host has mounted cgroup v2.
func hierarchy(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(suite.Output(t, "cat", "/proc/self/mountinfo")) {
		if strings.Contains(line, " /sys/fs/cgroup ") && strings.Contains(line, " - cgroup2 ") {
			return line
		}
	}
	t.Fatal("no cgroup v2 at /sys/fs/cgroup")
	return ""
}
