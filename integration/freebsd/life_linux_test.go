//go:build linux && testhost

package freebsd

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/freebsd/host"
	"github.com/berth-oci/berth/integration/suite"
)

// rich makes a config that needs each of the tools.
func (b *box) rich() {
	memory, pids, quota, statfs, mode := int64(64<<20), int64(20), int64(50000), 1, os.FileMode(0o700)
	b.write("data/file", "from the host\n")
	b.must(os.WriteFile(b.root("etc/kept"), []byte("of the image\n"), 0o640))
	b.config.Hostname, b.config.Domainname = "box", "example.org"
	b.config.Root.Readonly = true
	b.config.Mounts = []specs.Mount{
		{Destination: "/dev", Type: "devfs", Source: "devfs", Options: []string{"ruleset=4", "rule=path pf unhide"}},
		{Destination: "/dev/fd", Type: "fdescfs", Source: "fdesc"},
		{Destination: "/tmp", Type: "tmpfs", Options: []string{"size=1m", "mode=1777", "nosuid"}},
		{Destination: "/data", Type: "nullfs", Source: b.file("data"), Options: []string{"ro", "rprivate"}},
		{Destination: "/etc/kept", Type: "bind", Source: b.file("data/file"), Options: []string{"rbind"}},
	}
	b.config.Linux = &specs.Linux{Resources: &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &memory}, Pids: &specs.LinuxPids{Limit: &pids}, CPU: &specs.LinuxCPU{Quota: &quota},
	}}
	b.config.FreeBSD = &specs.FreeBSD{
		Devices: []specs.FreeBSDDevice{{Path: "input/event0", Mode: &mode}},
		Jail: &specs.FreeBSDJail{
			Parent: "net", Vnet: "new", VnetInterfaces: []string{"epair0b", "epair1b"}, EnforceStatfs: &statfs,
			Allow: &specs.FreeBSDJailAllow{RawSockets: true},
		},
	}
	b.parent("net")
}

// parent creates a jail that can contain other jails.
func (b *box) parent(name string) {
	b.host(func(h *host.Host) {
		h.Jails[name] = &host.Jail{JID: 1000 + len(h.Jails), Path: "/", Params: map[string]string{"vnet": "new", "allow.raw_sockets": "true", "enforce_statfs": "1"}}
	})
}

// made and removed are the command lines that create and delete the container of rich.
var (
	made = []string{
		"mount -t nullfs -o ro BOX/bundle/root BOX/state/@roots/ID",
		"devfs rule -s 4 show",
		"mount -t devfs -o ruleset=4 devfs BOX/state/@roots/ID/dev",
		"devfs -m BOX/state/@roots/ID/dev rule apply path pf unhide",
		"devfs -m BOX/state/@roots/ID/dev rule apply path input unhide",
		"devfs -m BOX/state/@roots/ID/dev rule apply path input/event0 unhide mode 0700",
		"mount -t fdescfs fdescfs BOX/state/@roots/ID/dev/fd",
		"mount -t tmpfs -o size=1m,mode=1777,nosuid tmpfs BOX/state/@roots/ID/tmp",
		"mount -t nullfs -o ro BOX/data BOX/state/@roots/ID/data",
		"mount -t nullfs BOX/data/file BOX/state/@roots/ID/etc/kept",
		"jail -m name=net children.max=1",
		"jail -i -c name=net.ID path=BOX/state/@roots/ID persist host=new host.hostname=box host.domainname=example.org vnet=new " +
			"sysvmsg=new sysvsem=new sysvshm=new enforce_statfs=1 allow.raw_sockets",
		"ifconfig epair0b vnet net.ID",
		"ifconfig epair1b vnet net.ID",
		"rctl -a jail:net.ID:maxproc:deny=20",
		"rctl -a jail:net.ID:memoryuse:deny=67108864",
		"rctl -a jail:net.ID:pcpu:deny=50",
	}
	removed = []string{
		"rctl jail:net.ID",
		"rctl -r jail:net.ID",
		"ifconfig epair1b -vnet net.ID",
		"ifconfig epair0b -vnet net.ID",
		"jail -R net.ID",
		"jail -m name=net children.max=0",
		"umount -f BOX/state/@roots/ID/etc/kept",
		"umount -f BOX/state/@roots/ID/data",
		"umount -f BOX/state/@roots/ID/tmp",
		"umount -f BOX/state/@roots/ID/dev/fd",
		"umount -f BOX/state/@roots/ID/dev",
		"umount -f BOX/state/@roots/ID",
	}
)

func TestLife(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.rich()
	b.config.Process.Args = []string{"/bin/sh", "-c", "cat /etc/kept; touch /x /data/x 2>/dev/null && echo writable; echo >/tmp/x; read x; exit 7"}
	b.bundle()
	read, write, err := os.Pipe()
	b.must(err)
	defer write.Close()
	out, err := os.Create(b.file("output"))
	b.must(err)
	defer out.Close()
	cmd := b.command("create", "--pid-file", b.file("pid"), b.id)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, out, out
	if err := cmd.Run(); err != nil {
		data, _ := os.ReadFile(out.Name())
		t.Fatalf("%v: %s", err, data)
	}
	read.Close()
	b.wantStatus(specs.StateCreated)
	b.wantCalls(made...)
	b.refused("already exists", "create", b.id)
	b.berth("start", b.id)
	b.wantStatus(specs.StateRunning)
	b.refused("cannot start an already running container", "start", b.id)
	b.refused("is not stopped", "delete", b.id)
	write.Close()
	if status := b.wait(b.pid()); status != 7 {
		t.Errorf("exit status %d, not 7", status)
	}
	b.wantStatus(specs.StateStopped)
	b.refused("container not running", "kill", b.id, "KILL")
	b.berth("delete", b.id)
	if data, _ := os.ReadFile(out.Name()); string(data) != "from the host\n" {
		t.Errorf("the container wrote %q", data)
	}
	if data, _ := os.ReadFile(b.root("etc/kept")); string(data) != "of the image\n" {
		t.Errorf("the image's file is %q afterwards", data)
	}
	b.wantCalls(append(append([]string{}, made...), removed...)...)
	b.removeParent("net")
	b.wantNoTraces()
	b.refused("does not exist", "state", b.id)
	b.berth("delete", "--force", b.id)
}

func (b *box) removeParent(name string) {
	b.Helper()
	b.host(func(h *host.Host) {
		if h.Jails[name] == nil {
			return
		}
		if h.Jails[name].ChildrenMax != 0 {
			b.Errorf("children.max of %s is %d afterwards", name, h.Jails[name].ChildrenMax)
		}
		delete(h.Jails, name)
	})
}

// shared makes a config of what rich leaves out: addresses on the host's interface, a writable
// root, files replaced by copies, a filled tmpfs, a nested parent.
func (b *box) shared() {
	b.write("hosts", "of the host\n")
	b.must(os.WriteFile(b.root("etc/hosts"), []byte("of the image\n"), 0o604))
	b.config.Mounts = []specs.Mount{
		{Destination: "/etc", Type: "tmpfs", Options: []string{"tmpcopyup"}},
		{Destination: "/data/hosts", Type: "nullfs", Source: b.file("hosts")},
	}
	b.config.FreeBSD = &specs.FreeBSD{Jail: &specs.FreeBSDJail{
		Parent: "net.pod", Interface: "lo1", Ip4Addr: []string{"10.1.2.3"}, Ip6Addr: []string{"fd10::12"},
		Allow: &specs.FreeBSDJailAllow{Mount: []string{"tmpfs"}},
	}}
	b.parent("net.pod")
	b.parent("net")
	b.host(func(h *host.Host) {
		h.NoFileMounts = true
		h.Jails["net"].ChildrenMax = 1 // net.pod
		for _, name := range []string{"net", "net.pod"} {
			h.Jails[name].Params["allow.mount"], h.Jails[name].Params["allow.mount.tmpfs"] = "true", "true"
		}
	})
}

// removeParents removes the parents that rich and shared have prepared, and checks that they are
// unchanged.
func (b *box) removeParents() {
	b.Helper()
	b.host(func(h *host.Host) {
		if h.Jails["net.pod"] != nil {
			h.Jails["net"].ChildrenMax--
		}
	})
	b.removeParent("net.pod")
	b.removeParent("net")
}

// TestFailures lets each call of a tool fail in turn, in each way. Nothing may be left behind, at
// the latest after the container is force-deleted.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config func(b *box)
		calls  int // the minimum in a whole life
		how    []host.Failure
	}{
		"rich":   {(*box).rich, len(made) + len(removed), []host.Failure{host.Early, host.Late, host.Crash, host.Orphan}},
		"shared": {(*box).shared, 14, []host.Failure{host.Early, host.Crash}},
	} {
		total := 0
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c.config(b)
			if !b.life() {
				t.Fatal("the container was not created")
			}
			b.host(func(h *host.Host) { total = len(h.Calls) })
			b.removeParents()
			b.wantNoTraces()
		})
		if total < c.calls {
			t.Fatalf("%s: %d calls in a whole life", name, total)
		}
		for at := 1; at <= total; at++ {
			for _, how := range c.how {
				t.Run(fmt.Sprintf("%s/%s/%d", name, how, at), func(t *testing.T) {
					t.Parallel()
					failing(t, c.config, at, how)
				})
			}
		}
	}
}

// failing runs a life in which one call fails.
func failing(t *testing.T, config func(b *box), at int, how host.Failure) {
	b := newBox(t)
	config(b)
	b.host(func(h *host.Host) { h.FailAt, h.Fail = at, how })
	created := b.life()
	if _, err := os.Stat(b.file("state/" + b.id)); err == nil {
		// Either berth was killed, or it reported what it left behind.
		b.berth("delete", "--force", b.id)
	} else if created && how != host.Crash && how != host.Orphan {
		b.refused("does not exist", "state", b.id)
	}
	if data, err := os.ReadFile(b.file("bundle/root/etc/hosts")); err == nil && strings.Contains(string(data), "host\n") {
		t.Errorf("the image's file is %q", data)
	}
	b.removeParents()
	b.wantNoTraces()
	b.noProcess()
}

// life creates, starts, updates and deletes the container as far as possible. It returns true if
// the container was created.
func (b *box) life() bool {
	b.Helper()
	b.config.Process.Args = []string{"/bin/sh", "-c", "sleep 1000"}
	b.bundle()
	if _, err := b.try("create", "--pid-file", b.file("pid"), b.id); err != nil {
		return false
	}
	b.berth("start", b.id)
	_, _ = b.try("update", "--pids-limit", "30", "--memory", "32m", b.id)
	_, _ = b.try("delete", "--force", b.id)
	return true
}

// noProcess waits until all processes of the box have ended. A process whose berth was killed ends
// by itself.
func (b *box) noProcess() {
	b.Helper()
	var left []string
	gone := suite.Becomes(suite.Patience, func() bool { left = b.processes(); return len(left) == 0 })
	if !gone {
		b.Errorf("still there: %q", left)
	}
}

// processes lists the processes in the box's root and the berth processes that work for it.
func (b *box) processes() []string {
	b.Helper()
	entries, err := os.ReadDir("/proc")
	b.must(err)
	var list []string
	for _, e := range entries {
		words, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		root, _ := os.Readlink("/proc/" + e.Name() + "/root")
		cwd, _ := os.Readlink("/proc/" + e.Name() + "/cwd")
		if strings.HasPrefix(root, b.dir+"/") || strings.HasPrefix(cwd, b.dir+"/") || strings.Contains(string(words), b.dir+"/") {
			list = append(list, fmt.Sprintf("%s (%s)", e.Name(), words))
		}
	}
	return list
}

func TestRun(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Process.Args = []string{"sh", "-c", "echo hello; exit 3"}
	if status, out := b.run(); status != 3 || out != "hello\n" {
		t.Errorf("status %d, output %q", status, out)
	}
	b.wantCalls("jail -i -c name=ID path=BOX/bundle/root persist host=inherit ip4=inherit ip6=inherit enforce_statfs=1 allow.chflags allow.raw_sockets",
		"jail -R ID")
	b.wantNoTraces()
}

// TestForeignJail checks that berth leaves a jail of the host alone that has the container's name.
func TestForeignJail(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.host(func(h *host.Host) { h.Jails[b.id] = &host.Jail{JID: 99, Path: "/", Params: map[string]string{}} })
	b.bundle()
	b.refused("a jail with the name", "create", b.id)
	b.berth("delete", "--force", b.id)
	b.host(func(h *host.Host) {
		if h.Jails[b.id] == nil {
			t.Error("the jail has gone")
		}
	})
	b.wantCalls()
}

// TestJailGone covers a jail that was removed by hand, and another jail that has got its name
// since.
func TestJailGone(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	pid := b.create()
	b.host(func(h *host.Host) {
		delete(h.Jails, b.id)
		h.Jails[b.id] = &host.Jail{JID: 77, Path: b.root(), Params: map[string]string{}}
	})
	b.berth("delete", b.id)
	b.wait(pid)
	b.host(func(h *host.Host) {
		if h.Jails[b.id] == nil {
			t.Error("another's jail has been removed")
		}
		delete(h.Jails, b.id)
	})
	b.wantNoTraces()
}

func TestIDs(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.bundle()
	b.refused("cannot have a dot", "create", "a.b")
	b.refused("cannot be a number", "create", "12345")
	b.refused("255 are allowed", "create", strings.Repeat("x", 256))
	if left := b.sh("ls " + b.file("state")); strings.Contains(left, "a.b") || strings.Contains(left, "12345") {
		t.Errorf("left behind: %s", left)
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.config.Annotations = map[string]string{"a": "b"}
	pid := b.create()
	s := b.state()
	want := specs.State{Version: specs.Version, ID: b.id, Status: specs.StateCreated, Pid: pid, Bundle: b.file("bundle"), Annotations: map[string]string{"a": "b"}}
	got, _ := json.Marshal(s)
	if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
	b.berth("delete", "--force", b.id)
	b.wait(pid)
	b.wantNoTraces()
}

// TestTemplate runs the config that berth spec writes, with its own args, root and no terminal.
func TestTemplate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.must(os.MkdirAll(b.file("new"), 0o755))
	b.berth("spec", "--bundle", b.file("new"))
	data, err := os.ReadFile(b.file("new/config.json"))
	b.must(err)
	b.config = &specs.Spec{}
	b.must(json.Unmarshal(data, b.config))
	b.config.Root.Path, b.config.Process.Terminal = "root", false
	b.config.Process.Args = []string{"sh", "-c", "touch /x 2>/dev/null || echo ro; echo >/tmp/x && echo rw; test -c /dev/null && echo null"}
	b.must(os.MkdirAll(b.root("dev/fd"), 0o755))
	if status, out := b.run(); status != 0 || out != "ro\nrw\nnull\n" {
		t.Errorf("status %d, output %q", status, out)
	}
	b.wantNoTraces()
}
