//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// kinds maps the names of namespaces in /proc to those in config.json.
var kinds = map[string]specs.LinuxNamespaceType{
	"pid": specs.PIDNamespace, "net": specs.NetworkNamespace, "ipc": specs.IPCNamespace, "uts": specs.UTSNamespace, "cgroup": specs.CgroupNamespace,
}

// TestHostNamespaces checks that the container is in the host's namespace of each kind that
// config.json does not list.
func TestHostNamespaces(t *testing.T) {
	t.Parallel()
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for kind, name := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "read x; hostname", suite.Share(name, ""))
			b.spec.Hostname = ""
			b.write()
			b.create()
			for other := range kinds {
				same := suite.Namespace(t, b.pid, other) == suite.Namespace(t, os.Getpid(), other)
				if same != (other == kind) {
					t.Errorf("created: its %s namespace is the host's: %v", other, same)
				}
			}
			b.start()
			b.wait()
			if now, _ := os.Hostname(); now != hostname {
				t.Errorf("the host is now called %q", now)
			}
			if kind == "uts" && b.said("stdout") != hostname+"\n" {
				t.Errorf("hostname: %q", b.said("stdout"))
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "echo $$ >/out/pid; exec sleep 1000")
		for _, name := range kinds {
			suite.Share(name, "")(b.spec)
		}
		b.spec.Hostname = ""
		b.write()
		b.create()
		b.start()
		if got := b.awaitFile("pid"); got != fmt.Sprintln(b.pid) {
			t.Errorf("the process knows itself as %q, and is %d", got, b.pid)
		}
		// Without a pid namespace only berth can end the children.
		b.must("kill", "--all", b.id, "KILL")
		if ws := b.wait(); ws.Signal() != 9 {
			t.Errorf("it ended with %#x", ws)
		}
		b.must("delete", b.id)
	})
}

// TestOrphans checks that without a new pid namespace other processes of the container outlive its
// first process until they are killed or delete ends them, as under runc. They end if somebody
// stops the enclosure from outside.
func TestOrphans(t *testing.T) {
	t.Parallel()
	for name, foreign := range map[string]bool{"host": false, "joined": true} {
		for _, how := range []string{"delete", "delete --force", "kill", "stop"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				script := "sh -c 'echo started >/out/child; exec sleep 1000' & read x </out/wait; exit 4"
				var b *box
				if foreign {
					a := newBox(t, forever)
					a.create()
					a.start()
					b = a.sibling("b", script, a.sharePIDs())
				} else {
					b = newBox(t, script, suite.Share(specs.PIDNamespace, ""))
				}
				fifo := filepath.Join(b.out, "wait")
				suite.Output(t, "mkfifo", fifo)
				b.create()
				b.start()
				b.awaitFile("child")
				var child suite.Process
				for _, pid := range b.processes() {
					if pid != b.pid {
						child, _ = suite.ReadProcess(pid)
					}
				}
				if !child.Exists() {
					t.Fatalf("it has the processes %v, the first is %d", b.processes(), b.pid)
				}
				if how == "stop" {
					tool := map[string][]string{"lxc": {"lxc-stop", "-k", "-n"}, "pct": {"pct", "stop"}}[*backend]
					suite.Output(t, tool[0], append(tool[1:], b.enclosureName())...)
					b.wait()
					awaitEnd(t, child)
					b.must("delete", b.id)
					return
				}
				if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
					t.Fatal(err)
				}
				if ws := b.wait(); ws.ExitStatus() != 4 {
					t.Errorf("it ended with %#x", ws)
				}
				b.await("stopped")
				b.awaitEnclosureEnd()
				if !child.Exists() {
					t.Errorf("process %d ended with the first one", child.Pid)
				}
				if got := b.processes(); !slices.Equal(got, []int{child.Pid}) {
					t.Errorf("ps names %v, want %d", got, child.Pid)
				}
				if how == "kill" {
					b.must("kill", b.id, "KILL")
					awaitEnd(t, child)
				}
				b.must(append(strings.Fields(strings.Replace(how, "kill", "delete", 1)), b.id)...)
				if child.Exists() {
					t.Errorf("process %d of the deleted container still runs", child.Pid)
				}
			})
		}
	}
}

// processes returns the pids that berth ps prints.
func (b *box) processes() (pids []int) {
	b.Helper()
	if err := json.Unmarshal([]byte(b.must("ps", "--format=json", b.id)), &pids); err != nil {
		b.Fatal(err)
	}
	return pids
}

// awaitEnclosureEnd waits until LXC has cleaned up.
func (b *box) awaitEnclosureEnd() {
	b.Helper()
	suite.Eventually(b.T, "LXC says STOPPED", func() bool {
		o := suite.Execute(b.T, exec.Command("lxc-info", "-n", b.enclosureName(), "-s", "-H"))
		return o.Status != 0 || strings.TrimSpace(o.Stdout) == "STOPPED"
	})
}

// awaitEnd waits until a process has ended, with any parent.
func awaitEnd(t *testing.T, p suite.Process) {
	t.Helper()
	suite.Eventually(t, fmt.Sprintf("process %d has ended", p.Pid), func() bool { return !p.Exists() })
}

// TestNamespacesByPath checks that a container shares a namespace that it names by the path of
// another container's process.
func TestNamespacesByPath(t *testing.T) {
	t.Parallel()
	for kind, name := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := newBox(t, forever)
			a.running()
			b := a.sibling("b", forever, suite.Share(name, fmt.Sprintf("/proc/%d/ns/%s", a.pid, kind)))
			if kind == "uts" {
				b.spec.Hostname = ""
				b.write()
			}
			b.running()
			for other := range kinds {
				same := suite.Namespace(t, a.pid, other) == suite.Namespace(t, b.pid, other)
				if same != (other == kind) {
					t.Errorf("they share their %s namespace: %v", other, same)
				}
				if suite.Namespace(t, b.pid, other) == suite.Namespace(t, os.Getpid(), other) {
					t.Errorf("the %s namespace is the host's", other)
				}
			}
			if kind == "pid" {
				// When the first process of a pid namespace ends, the kernel ends all others.
				a.kill()
				if ws := b.wait(); ws.Signal() != 9 {
					t.Errorf("the second container ended with %#x", ws)
				}
				b.await("stopped")
			} else {
				b.kill()
			}
			b.must("delete", b.id)
			if kind != "pid" {
				if s := a.state(); s.Status != "running" {
					t.Errorf("the first container is %s", s.Status)
				}
			}
		})
	}
}

// TestPod runs an infra container and another one that joins its pid, net, ipc and uts namespaces.
func TestPod(t *testing.T) {
	t.Parallel()
	infra := newBox(t, forever)
	infra.spec.Hostname = "the-pod"
	infra.write()
	infra.running()
	b := infra.sibling("b", "hostname; ps | grep -c 'sleep 1000'; echo $$")
	for kind, name := range kinds {
		if kind != "cgroup" {
			suite.Share(name, fmt.Sprintf("/proc/%d/ns/%s", infra.pid, kind))(b.spec)
		}
	}
	b.spec.Hostname = ""
	b.write()
	out, ws := b.end()
	lines := strings.Split(out, "\n")
	if ws.ExitStatus() != 0 || len(lines) != 4 || lines[0] != "the-pod" || lines[1] == "0" || lines[2] == "1" {
		t.Errorf("status %#x, stdout %q", ws, out)
	}
}

func TestUserNamespace(t *testing.T) {
	t.Parallel()
	script := "sed 's/  */ /g' /proc/self/uid_map /proc/self/gid_map; id -u; stat -c %u:%g /out/.; touch /dev/shm/x && stat -c %u /dev/shm/x; " +
		"grep -E '^Cap(Eff|Bnd)' /proc/self/status; hostname; mount -t tmpfs none /tmp 2>&1; exec sleep 1000"
	a := newBox(t, script, suite.InUserNamespace)
	if err := os.Lchown(a.out, 100000, 100000); err != nil {
		t.Fatal(err)
	}
	// The container's root owns the files, the host's root does not.
	suite.ChownTree(t, a.rootfs(), 100000)
	a.create()
	if st := suite.Field(t, a.pid, "Uid"); st != "100000 100000 100000 100000" {
		t.Errorf("created: the host sees uids %q", st)
	}
	a.start()
	b := a.sibling("b", "id -u; echo made >/out/made; exec sleep 1000")
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: fmt.Sprintf("/proc/%d/ns/user", a.pid)})
	b.write()
	suite.ChownTree(t, b.rootfs(), 100000)
	if err := os.Lchown(b.out, 100000, 100000); err != nil {
		t.Fatal(err)
	}
	b.create()
	b.start()
	if suite.Namespace(t, a.pid, "user") != suite.Namespace(t, b.pid, "user") || suite.Namespace(t, a.pid, "user") == suite.Namespace(t, os.Getpid(), "user") {
		t.Error("the user namespace is not shared by the two alone")
	}
	for kind := range kinds {
		if suite.Namespace(t, a.pid, kind) == suite.Namespace(t, b.pid, kind) {
			t.Errorf("they share the %s namespace", kind)
		}
	}
	if p, err := suite.ReadProcess(b.pid); err != nil || p.Parent != os.Getpid() {
		t.Errorf("the second container's parent is %d (%v)", p.Parent, err)
	}
	b.awaitFile("made")
	for _, box := range []*box{b, a} {
		box.kill()
		box.must("delete", box.id)
	}
	want := " 0 100000 65536\n 0 100000 65536\n0\n0:0\n0\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nbox\nmount: permission denied (are you root?)\n"
	if got := a.said("stdout"); got != want {
		t.Errorf("got %q, want %q; stderr %q", got, want, a.said("stderr"))
	}
	if info, err := os.Stat(filepath.Join(b.out, "made")); err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != 100000 {
		t.Errorf("the file that the container made: %v, %v", info, err)
	}
}

// TestUserNamespaceRanges runs a container whose user is not the first of its map, in a user
// namespace with several ranges.
func TestUserNamespaceRanges(t *testing.T) {
	t.Parallel()
	b := newBox(t, "sed 's/  */ /g' /proc/self/uid_map; grep -E '^(Uid|Gid|Groups):' /proc/self/status; cat /proc/self/setgroups", suite.InUserNamespace)
	b.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 1000}, {ContainerID: 1000, HostID: 300000, Size: 10}}
	b.spec.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 400000, Size: 2000}}
	b.spec.Process.User = specs.User{UID: 1003, GID: 5, AdditionalGids: []uint32{77}}
	b.write()
	suite.ChownTree(t, b.rootfs(), 200000)
	if got, want := b.output(), " 0 200000 1000\n 1000 300000 10\nUid:\t1003\t1003\t1003\t1003\nGid:\t5\t5\t5\t5\nGroups:\t77 \nallow\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNamespacesOfAnotherUserNamespace checks that a container in a user namespace can join
// namespaces that belong to the host's user namespace (config-linux.md, "Namespaces") and has no
// rights in them. The same holds for exec's process.
func TestNamespacesOfAnotherUserNamespace(t *testing.T) {
	t.Parallel()
	const script = "ip link add dummy0 type dummy 2>&1 || :; hostname new 2>&1 || :; echo >/out/started; exec sleep 1000"
	a := newBox(t, forever)
	a.running()
	userOwner := a.sibling("user", forever, suite.InUserNamespace)
	suite.ChownTree(t, userOwner.rootfs(), 100000)
	userOwner.must1(os.Lchown(userOwner.out, 100000, 100000))
	userOwner.running()
	of := func(b *box, t specs.LinuxNamespaceType, kind string) func(*specs.Spec) {
		return suite.Share(t, fmt.Sprintf("/proc/%d/ns/%s", b.pid, kind))
	}
	all := []func(*specs.Spec){of(a, specs.NetworkNamespace, "net"), of(a, specs.IPCNamespace, "ipc"), of(a, specs.UTSNamespace, "uts")}
	for name, c := range map[string]struct {
		user  func(*specs.Spec)
		edits []func(*specs.Spec)
		from  map[string]*box // the container that it shares each namespace with
	}{
		"network":              {suite.InUserNamespace, all[:1], map[string]*box{"net": a}},
		"network, ipc and uts": {suite.InUserNamespace, all, map[string]*box{"net": a, "ipc": a, "uts": a}},
		"an existing user namespace": {of(userOwner, specs.UserNamespace, "user"),
			[]func(*specs.Spec){all[0], of(userOwner, specs.IPCNamespace, "ipc")}, map[string]*box{"net": a, "ipc": userOwner, "user": userOwner}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, script, append(slices.Clone(c.edits), c.user)...)
			b.spec.Hostname = ""
			// These mounts would need rights in the joined namespaces. Engines bind the host's
			// instead.
			b.spec.Mounts = slices.DeleteFunc(b.spec.Mounts, func(m specs.Mount) bool { return m.Type == "sysfs" || m.Type == "mqueue" })
			b.write()
			suite.ChownTree(t, b.rootfs(), 100000)
			b.must1(os.Lchown(b.out, 100000, 100000))
			b.running()
			for kind, from := range c.from {
				if suite.Namespace(t, b.pid, kind) != suite.Namespace(t, from.pid, kind) {
					t.Errorf("it does not have the %s namespace", kind)
				}
				const link = "/proc/self/ns/"
				if got := strings.TrimSpace(b.must("exec", b.id, "readlink", link+kind)); got != suite.Namespace(t, from.pid, kind) {
					t.Errorf("exec has the %s namespace %s", kind, got)
				}
			}
			if said := b.said("stdout"); strings.Count(said, "Operation not permitted")+strings.Count(said, "are you root") < 1 {
				t.Errorf("it has rights in the namespaces: %q", said)
			}
			b.kill()
			b.must("delete", b.id)
		})
	}
	for _, b := range []*box{userOwner, a} {
		b.kill()
		b.must("delete", b.id)
	}
}
