//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/suite"
)

func TestCreateWritesConfig(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	out := n.must(creation("100", "--hostname", "box", "--description", "a: 100%\nsecond", "--tags", "oci;Podman;oci",
		"--cmode", "shell", "--onboot", "no", "--net0", "bridge=br0,name=eth0,hwaddr=02:00:00:00:00:01", "--swap=0")...)
	if !strings.Contains(out, "extracting archive '") {
		t.Errorf("stdout %q", out)
	}
	want := `#a%3A 100%25
#second
arch: amd64
cmode: shell
hostname: box
memory: 512
net0: name=eth0,bridge=br0,hwaddr=02:00:00:00:00:01,type=veth
onboot: 0
ostype: unmanaged
rootfs: /srv/ct
swap: 0
tags: oci;podman
`
	if got := n.read("etc/pve/lxc/100.conf"); got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
	entries, err := os.ReadDir(n.path("srv/ct"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the root holds %v, %v", entries, err)
	}
	if got := n.must("config", "100"); !strings.Contains(got, "description: a%3A 100%25%0Asecond%0A\n") {
		t.Errorf("config shows\n%s", got)
	}
	list := "VMID       Status     Lock         Name                \n" +
		"100        stopped                 box                 \n"
	if got := n.must("list"); got != list {
		t.Errorf("list shows\n%s", got)
	}
	n.must("destroy", "100", "--purge", "--destroy-unreferenced-disks", "1")
	if n.must("list") != "" || n.exists("etc/pve/lxc/100.conf") || !n.exists("srv/ct/bin") {
		t.Error("destroy left something, or took too much")
	}
}

func TestUnprivilegedIsTheDefault(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	n.must("create", "100", "/empty.tar", "--rootfs", "/srv/ct,ro=1", "--ostype", "unmanaged")
	conf := n.read("etc/pve/lxc/100.conf")
	for _, line := range []string{"unprivileged: 1\n", "hostname: CT100\n", "swap: 512\n", "rootfs: /srv/ct,ro=1\n"} {
		if !strings.Contains(conf, line) {
			t.Errorf("no %q in\n%s", line, conf)
		}
	}
}

// TestManagedImageIsEdited checks that PVE writes to the image unless the ostype is unmanaged.
func TestManagedImageIsEdited(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	n.write("srv/ct/etc/os-release", "NAME=x\nID=alpine\n")
	n.must("create", "100", "/empty.tar", "--rootfs", "/srv/ct", "--hostname", "box")
	if n.read("srv/ct/etc/hostname") != "box\n" || !strings.Contains(n.read("etc/pve/lxc/100.conf"), "ostype: alpine\n") {
		t.Error("the image was not set up")
	}
}

func TestRawKeys(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	withConfig("lxc.include: /run/x.conf\nlxc.namespace.share.pid: /proc/1/ns/pid\nlxc.cgroup2.x.y = 1\n" +
		"lxc.rootfs.path: /x\nlxc.sysctl.kernel.sem: 1\nlxc.sysctl.net.x: 1\nlxc.proc.oom: 1\nBad-Key: x\nfoo: bar\n")(n)
	o := n.pct("config", "100")
	lines := []string{
		"vm 100 - unable to parse config: lxc.namespace.share.pid: /proc/1/ns/pid",
		"vm 100 - lxc.rootfs.path: lxc.rootfs.path is auto generated from rootfs",
		"vm 100 - unable to parse config: lxc.sysctl.net.x: 1",
		"vm 100 - unable to parse config: lxc.proc.oom: 1",
		"vm 100 - unable to parse config: Bad-Key: x",
		"vm 100 - unable to parse value of 'foo' - unknown setting 'foo'",
	}
	if !strings.HasPrefix(o.stdout, strings.Join(lines, "\n")+"\n") || o.status != 0 {
		t.Errorf("status %d, stdout\n%s", o.status, o.stdout)
	}
	n.pct("set", "100", "--delete", "foo,memory,rootfs")
	n.pct("set", "100", "--cores", "1")
	want := "arch: amd64\ncores: 1\nfoo: bar\nmemory: 512\nostype: unmanaged\nrootfs: /srv/ct\n" +
		"lxc.include: /run/x.conf\nlxc.cgroup2.x.y: 1\nlxc.sysctl.kernel.sem: 1\n"
	if got := n.read("etc/pve/lxc/100.conf"); got != want {
		t.Errorf("written back as\n%s", got)
	}
	lxc := n.read("var/lib/lxc/100/config")
	if !strings.HasSuffix(lxc, "lxc.include = /run/x.conf\nlxc.cgroup2.x.y = 1\nlxc.sysctl.kernel.sem = 1\n") {
		t.Errorf("LXC's configuration ends otherwise:\n%s", lxc)
	}
}

func TestSetOnRunning(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	withRunning(n)
	n.must("set", "100", "--hostname", "new", "--rootfs", "/srv/other")
	want := "arch: amd64\nhostname: new\nmemory: 512\nostype: unmanaged\nrootfs: /srv/ct\n\n[pve:pending]\nrootfs: /srv/other\n"
	if got := n.read("etc/pve/lxc/100.conf"); got != want {
		t.Errorf("configuration\n%s", got)
	}
	if !strings.Contains(n.must("config", "100"), "rootfs: /srv/other\n") ||
		!strings.Contains(n.must("config", "100", "--current"), "rootfs: /srv/ct\n") {
		t.Error("config does not tell pending from current")
	}
	if got := n.must("pending", "100"); !strings.Contains(got, "cur rootfs: /srv/ct\nnew rootfs: /srv/other\n") {
		t.Errorf("pending shows\n%s", got)
	}
	n.must("set", "100", "--revert", "rootfs")
	if got := n.read("etc/pve/lxc/100.conf"); strings.Contains(got, "pending") {
		t.Errorf("after revert\n%s", got)
	}
}

// TestKilledCreate checks that pct leaves the ID locked if it is killed before its worker starts,
// and that the worker continues if pct is killed later.
func TestKilledCreate(t *testing.T) {
	t.Parallel()
	until := func(done func() bool) { t.Helper(); suite.Eventually(t, "what the test waits for", done) }
	configured := func(n *node, done func(string) bool) func() bool {
		return func() bool { return n.exists("etc/pve/lxc/100.conf") && done(n.read("etc/pve/lxc/100.conf")) }
	}
	claimed := func(conf string) bool { return conf == "lock: create\n" }

	early := newNode(t, host.Settings{PauseAfterLock: 60000})
	c := early.command(creation("100")...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	until(configured(early, claimed))
	_ = c.Process.Kill()
	_ = c.Wait()
	if o := early.pct("start", "100"); o.stderr != "CT is locked (create)\n" {
		t.Errorf("stderr %q", o.stderr)
	}
	early.must("unlock", "100")
	early.must("destroy", "100")

	late := newNode(t, host.Settings{Latency: host.Latency{Create: 2000}})
	c = late.command(creation("100")...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	until(func() bool { return hasWorker(c.Process.Pid) })
	_ = c.Process.Kill()
	_ = c.Wait()
	until(configured(late, func(conf string) bool { return strings.Contains(conf, "rootfs: /srv/ct\n") }))
}

func hasWorker(pid int) bool {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	return slices.ContainsFunc(lists, func(list string) bool {
		children, _ := os.ReadFile(list)
		return slices.ContainsFunc(strings.Fields(string(children)), func(child string) bool {
			name, _ := os.ReadFile("/proc/" + child + "/cmdline")
			return strings.HasPrefix(string(name), "task ")
		})
	})
}

func TestGetopt(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	n.must("create", "--rootfs", "/srv/ct", "-ostype=unmanaged", "100", "--UNPRIV", "0", "/empty.tar", "--prot", "--arch", "amd64")
	conf := n.read("etc/pve/lxc/100.conf")
	if !strings.Contains(conf, "protection: 1\n") || strings.Contains(conf, "unprivileged") {
		t.Errorf("configuration\n%s", conf)
	}
	if o := n.pct("status", "100", "--v", "1", "--", "x"); !strings.HasPrefix(o.stderr, "400 unable to parse option\n") &&
		!strings.HasPrefix(o.stderr, "Option v is ambiguous") {
		t.Errorf("stderr %q", o.stderr)
	}
}
