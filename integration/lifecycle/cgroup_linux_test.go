//go:build linux && integration

package lifecycle

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// TestForeignCgroups checks that a create that fails touches no cgroup that existed before: neither
// the processes in it nor an empty one.
func TestForeignCgroups(t *testing.T) {
	t.Parallel()
	noSource := func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Type: "bind", Source: "/nothing/there", Options: []string{"bind"}})
	}
	for name, c := range map[string]struct {
		scope, empty, frozen bool
		edit                 func(*specs.Spec)
		words                string
	}{
		"processes":                  {words: "container's cgroup is not empty"},
		"processes, another error":   {edit: noSource},
		"systemd scope":              {scope: true, words: "container's cgroup is not empty"},
		"systemd scope, other error": {scope: true, edit: noSource},
		"empty":                      {empty: true, words: "exists already"},
		"empty, another error":       {empty: true, edit: noSource},
		"frozen":                     {empty: true, frozen: true, words: "container's cgroup unexpectedly frozen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever)
			path := "/berth-test-taken-" + b.id
			occupant := exec.Command("sleep", "1000")
			flags := []string(nil)
			b.spec.Linux.CgroupsPath = path
			if c.scope {
				unit := "berth-test-taken-" + b.id
				path = "/system.slice/" + unit + ".scope"
				b.spec.Linux.CgroupsPath = "system.slice:berth-test-taken:" + b.id
				flags = []string{"--systemd-cgroup"}
				occupant = exec.Command("systemd-run", "--scope", "--quiet", "--slice=system.slice", "--unit="+unit, "sleep", "1000")
			} else {
				b.must1(os.Mkdir("/sys/fs/cgroup"+path, 0o755))
				t.Cleanup(func() {
					err := os.Remove("/sys/fs/cgroup" + path)
					for err != nil && errors.Is(err, unix.EBUSY) {
						err = os.Remove("/sys/fs/cgroup" + path)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			procs := "/sys/fs/cgroup" + path + "/cgroup.procs"
			if !c.empty {
				b.must1(occupant.Start())
				t.Cleanup(func() { _ = occupant.Process.Kill(); _ = occupant.Wait() })
				if c.scope {
					suite.Eventually(t, "a process in the scope", func() bool {
						data, err := os.ReadFile(procs)
						return err == nil && len(data) > 0
					})
				} else {
					b.must1(os.WriteFile(procs, []byte(strconv.Itoa(occupant.Process.Pid)), 0))
				}
			}
			if c.frozen {
				b.must1(os.WriteFile("/sys/fs/cgroup"+path+"/cgroup.freeze", []byte("1"), 0))
			}
			if c.edit != nil {
				c.edit(b.spec)
			}
			b.write()
			before, err := os.Stat("/sys/fs/cgroup" + path)
			b.must1(err)
			create := b.command(b.createArgs()...)
			if *backend == "pct" {
				file := filepath.Join(b.bundle, "berth.toml")
				b.must1(os.WriteFile(file, []byte("[pct]\ncgroups-path = true\n"), 0o644))
				flags = append(flags, "--config", file)
			}
			create.Args = slices.Insert(create.Args, 1, flags...)
			o := suite.Execute(t, create)
			if o.Status == 0 || !strings.Contains(o.Stderr, c.words) {
				t.Errorf("create: status %d, %q, want %q", o.Status, o.Stderr, c.words)
			}
			after, err := os.Stat("/sys/fs/cgroup" + path)
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("the cgroup is not there any more: %v", err)
			}
			if c.empty {
				return
			}
			if inside, err := os.ReadFile(procs); err != nil || len(inside) == 0 {
				t.Errorf("who was in the cgroup has been killed (%v)", err)
			}
		})
	}
}

// TestNamesOfCgroupFiles runs containers whose ID is the name of a file that every cgroup has.
func TestNamesOfCgroupFiles(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"cgroup.procs", "cgroup.kill", "pids.max", "memory.events.local", "io.stat"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever)
			b.id = id
			b.running()
			b.kill()
			b.must("delete", b.id)
		})
	}
}

// TestFailedScope checks that systemd forgets a failed scope when its container is deleted.
func TestFailedScope(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever, func(s *specs.Spec) {
		s.Annotations = map[string]string{"org.systemd.property.TimeoutStopSec": "1"}
	})
	b.spec.Linux.CgroupsPath = "system.slice:berth-test:" + b.id
	b.write()
	flags := []string{"--systemd-cgroup"}
	if *backend == "pct" {
		file := filepath.Join(b.bundle, "berth.toml")
		b.must1(os.WriteFile(file, []byte("[pct]\ncgroups-path = true\n"), 0o644))
		flags = append(flags, "--config", file)
	}
	unit := "berth-test-" + b.id + ".scope"
	t.Cleanup(func() { _ = exec.Command("systemctl", "--quiet", "reset-failed", unit).Run() })
	show := func(property string) string {
		return strings.TrimSpace(suite.Output(t, "systemctl", "show", "--property="+property, "--value", unit))
	}
	create := b.command(b.createArgs()...)
	create.Args = slices.Insert(create.Args, 1, flags...)
	b.createWith(create)
	b.start()
	b.awaitFile("started")
	// The first process of a pid namespace ignores SIGTERM, so systemd kills it after the stop
	// timeout and the scope fails.
	suite.Output(t, "systemctl", "stop", "--no-block", unit)
	b.wait()
	suite.Eventually(t, "the scope has failed", func() bool { return show("ActiveState") == "failed" })
	remove := b.command("delete", b.id)
	remove.Args = slices.Insert(remove.Args, 1, flags...)
	if o := suite.Execute(t, remove); o.Status != 0 || o.Stderr != "" && !isPeer() {
		t.Errorf("delete: %+v", o)
	}
	if active, load := show("ActiveState"), show("LoadState"); active != "inactive" || load != "not-found" {
		t.Errorf("after the delete the scope is %s, and %s", active, load)
	}
}

// TestCgroupRemoved has an agent on the host move the container's processes to another cgroup and
// remove their own. The container can still be used. Only exec is refused if the container's own
// cgroup protects LXC's command sockets.
func TestCgroupRemoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit  func(*specs.Spec)
		words string // exec's error
	}{
		"own network":         {},
		"network of the host": {edit: suite.Share(specs.NetworkNamespace, ""), words: "keep a process in a shared network namespace from LXC's command sockets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.words != "" {
				berthOnly(t)
			}
			b := newBox(t, forever)
			if c.edit != nil {
				c.edit(b.spec)
				b.write()
			}
			b.running()
			own, other := "/sys/fs/cgroup"+suite.Cgroup(t, b.pid), "/sys/fs/cgroup/berth-test-other-"+b.id
			b.must1(os.Mkdir(other, 0o755))
			t.Cleanup(func() {
				b.must("delete", "--force", b.id)
				b.must1(os.Remove(other))
			})
			procs, err := os.ReadFile(own + "/cgroup.procs")
			b.must1(err)
			for pid := range strings.FieldsSeq(string(procs)) {
				b.must1(os.WriteFile(other+"/cgroup.procs", []byte(pid), 0))
			}
			b.must1(os.Remove(own))
			refused := func(words string, args ...string) {
				if o := b.berth(append([]string{"exec"}, args...)...); o.Status != 255 || !strings.Contains(o.Stderr, words) {
					t.Errorf("exec %q: %+v, want status 255 and %q", args, o, words)
				}
			}
			if c.words != "" {
				refused(c.words, b.id, "true")
			} else {
				b.must("exec", b.id, "sh", "-c", "echo $$ >/out/exec; exec sleep 1000 <&- >&- 2>&- &")
				if procs, err := os.ReadFile(other + "/cgroup.procs"); err != nil || len(strings.Fields(string(procs))) != 2 {
					t.Errorf("%s has the processes %q, %v", other, procs, err)
				}
			}
			refused("has been removed", "--cgroup", "x", b.id, "true")
			if got := b.state().Status; got != "running" {
				t.Errorf("state: %s", got)
			}
			b.kill()
			b.await("stopped")
			b.must("delete", b.id)
		})
	}
}

// TestCgroupOwner checks that a container that can write in its own cgroup namespace owns its
// cgroup and can make child cgroups. It does not own the files of its limits.
func TestCgroupOwner(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc does this only with systemd's cgroups
	own := suite.Share(specs.CgroupNamespace, "")
	mount := func(options ...string) func(*specs.Spec) {
		return func(s *specs.Spec) {
			own(s)
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: options})
			s.Process.User.UID = 1000
		}
	}
	none := func(*specs.Spec) {}
	for name, c := range map[string]struct {
		mount, users func(*specs.Spec)
		owner        uint32 // on the host
		makes        bool   // whether it can make a child cgroup
	}{
		"a user namespace":            {mount("nosuid", "noexec", "nodev"), suite.InUserNamespace, 101000, true},
		"the host's user namespace":   {mount("nosuid", "noexec", "nodev"), none, 1000, true},
		"a read-only mount":           {mount("ro"), suite.InUserNamespace, 0, false},
		"the host's cgroup namespace": {own, suite.InUserNamespace, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "{ mkdir /sys/fs/cgroup/sub && echo $$ >/sys/fs/cgroup/sub/cgroup.procs && echo made; } >/out/said 2>&1; echo >/out/started; exec sleep 1000", c.mount, c.users)
			b.must1(os.Mkdir(filepath.Join(b.rootfs(), "out"), 0o755))
			b.must1(os.Chmod(b.out, 0o777))
			b.create()
			dir := "/sys/fs/cgroup" + suite.Cgroup(t, b.pid)
			for _, file := range []string{"", "/cgroup.procs", "/cgroup.subtree_control"} {
				var st unix.Stat_t
				b.must1(unix.Stat(dir+file, &st))
				if st.Uid != c.owner {
					t.Errorf("%s belongs to %d, want %d", dir+file, st.Uid, c.owner)
				}
			}
			b.start()
			b.awaitFile("started")
			said, err := os.ReadFile(filepath.Join(b.out, "said"))
			b.must1(err)
			if made := string(said) == "made\n"; made != c.makes {
				t.Errorf("it said %q", said)
			}
			b.must("delete", "--force", b.id)
			b.wait()
		})
	}
}
