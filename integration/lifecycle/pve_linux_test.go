//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// vmids returns the VMIDs in use.
func vmids(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("/etc/pve/.vmlist")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		IDs map[string]struct{ Node, Type string }
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for id := range list.IDs {
		ids[id] = true
	}
	return ids
}

// listed returns a CT's status in `pct list`, or "" if the CT is not listed.
func listed(t *testing.T, vmid string) string {
	t.Helper()
	for line := range strings.Lines(suite.Output(t, "pct", "list")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == vmid {
			return f[1]
		}
	}
	return ""
}

// ctConfig returns the keys and values that `pct config` prints.
func ctConfig(t *testing.T, vmid string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(suite.Output(t, "pct", "config", vmid)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		values[key] = value
	}
	return values
}

func TestCTLife(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.create()
	vmid := b.enclosureName()
	n, err := strconv.Atoi(vmid)
	if err != nil || n < 900000 || n > 999999 {
		t.Fatalf("the VMID is %q", vmid)
	}
	if got := listed(t, vmid); got != "running" {
		t.Errorf("created: pct list says %q", got)
	}
	b.start()
	b.awaitFile("started")
	if got := listed(t, vmid); got != "running" {
		t.Errorf("started: pct list says %q", got)
	}
	o := suite.Execute(t, exec.Command("pct", "exec", vmid, "--", "sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '; hostname; cat /out/started; exit 6"))
	if o.Status != 6 || o.Stdout != "sleep 1000 box\nstarted\n" {
		t.Errorf("pct exec: status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
	}
	b.kill()
	awaitStopped(t, vmid)
	b.must("delete", b.id)
	if got := listed(t, vmid); got != "" {
		t.Errorf("deleted: pct list says %q", got)
	}
	if vmids(t)[vmid] {
		t.Error("the VMID is still taken")
	}
}

// TestCTStopsByItself checks that the CT stops when the process ends by itself.
func TestCTStopsByItself(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, "exit 7")
	_, ws := b.end()
	if ws.ExitStatus() != 7 {
		t.Errorf("ended with %#x", ws)
	}
	vmid := b.enclosureName()
	awaitStopped(t, vmid)
	b.must("delete", b.id)
}

// TestCTStop checks that stopping the CT in Proxmox VE stops the container.
func TestCTStop(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	for _, state := range []string{"created", "running"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "trap 'echo TERM' TERM; "+forever)
			b.create()
			if state == "running" {
				b.start()
				b.awaitFile("started")
			}
			suite.Output(t, "pct", "stop", b.enclosureName())
			if ws := b.wait(); !ws.Signaled() || ws.Signal() != unix.SIGKILL {
				t.Errorf("its process ended with %#x", ws)
			}
			b.await("stopped")
			b.refused("container not running", "kill", b.id)
			b.refused("cannot start a container that has stopped", "start", b.id)
			b.must("delete", b.id)
		})
	}
}

func TestCTShutdown(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	for _, c := range []struct{ name, annotation, script string }{
		{"default", "", "trap 'exit 5' TERM"},
		{"podman's", "SIGINT", "trap 'exit 5' INT"},
		{"by number", "10", "trap 'exit 5' USR1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, c.script+"; echo started >/out/started; while :; do sleep 0.05; done")
			if c.annotation != "" {
				b.spec.Annotations = map[string]string{"org.opencontainers.image.stopSignal": c.annotation}
				b.write()
			}
			b.running()
			suite.Output(t, "pct", "shutdown", b.enclosureName(), "--timeout", "60")
			if ws := b.wait(); ws.ExitStatus() != 5 {
				t.Errorf("its process ended with %#x", ws)
			}
			b.must("delete", b.id)
		})
	}
}

// TestCTDestroyed checks that delete works after somebody has destroyed the CT.
func TestCTDestroyed(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.running()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "stop", vmid)
	suite.Output(t, "pct", "destroy", vmid)
	if ws := b.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("its process ended with %#x", ws)
	}
	b.await("stopped")
	b.must("delete", b.id)
	b.refused("does not exist", "state", b.id)
}

// TestCTDestroyedAndReused checks that delete leaves alone another CT that now has the VMID of the
// container's destroyed CT.
func TestCTDestroyedAndReused(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.create()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "destroy", vmid, "--force", "1")
	b.wait()
	createCT(t, vmid, "--hostname", "theirs", "--description", "OCI container "+b.id+" of berth.\n\nnot: berth-container: "+b.root+"/"+b.id)
	b.must("delete", b.id)
	if got := ctConfig(t, vmid)["hostname"]; got != "theirs" {
		t.Errorf("the other's CT is now called %q", got)
	}
}

// createCT makes a CT that is not a container's.
func createCT(t *testing.T, vmid string, more ...string) {
	t.Helper()
	dir, err := os.MkdirTemp(suite.Dir(), "ct")
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.tar")
	if err := os.WriteFile(empty, make([]byte, 10240), 0o644); err != nil {
		t.Fatal(err)
	}
	rootfs := filepath.Join(dir, "rootfs")
	if err := os.Mkdir(rootfs, 0o755); err != nil {
		t.Fatal(err)
	}
	suite.Output(t, "pct", append([]string{"create", vmid, empty, "--rootfs", rootfs, "--ostype", "unmanaged", "--unprivileged", "0", "--arch", "amd64"}, more...)...)
	t.Cleanup(func() {
		if vmids(t)[vmid] {
			suite.Output(t, "pct", "destroy", vmid)
		}
		// pct leaves these files. A container of this test had the VMID before.
		for _, trace := range []string{"/var/lib/lxc/" + vmid, "/run/lxc/lock/var/lib/lxc/." + vmid} {
			if err := os.RemoveAll(trace); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
}

func TestCTLocked(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.create()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "set", vmid, "--lock", "backup")
	b.refused("locked", "delete", "--force", b.id)
	if got := ctConfig(t, vmid)["lock"]; got != "backup" {
		t.Errorf("the lock is %q", got)
	}
	suite.Output(t, "pct", "unlock", vmid)
	b.must("delete", "--force", b.id)
	if vmids(t)[vmid] {
		t.Error("the VMID is still taken")
	}
}

func TestCTProtected(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.create()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "set", vmid, "--protection", "1")
	b.refused("protection", "delete", "--force", b.id)
	suite.Output(t, "pct", "set", vmid, "--protection", "0")
	b.must("delete", "--force", b.id)
}

// TestVMIDKept checks that a container that is created again gets the same VMID.
func TestVMIDKept(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, "exit 0")
	b.create()
	first := b.enclosureName()
	b.must("delete", "--force", b.id)
	b.wait()
	b.create()
	if got := b.enclosureName(); got != first {
		t.Errorf("first %s, then %s", first, got)
	}
}

// candidate returns the VMID that a container tries after i others.
func candidate(b *box, i int) string {
	h := fnv.New32a()
	h.Write([]byte(b.root + "/" + b.id))
	return strconv.Itoa(900000 + int((h.Sum32()+uint32(i))%100000))
}

// TestVMIDTaken checks that other CTs on the VMIDs that a container would prefer stay unchanged,
// even if their description looks like berth's.
func TestVMIDTaken(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, "exit 0")
	for i, description := range []string{
		"mine",
		"OCI container " + b.id + " of berth.",
		"berth-container: " + b.root + "/" + b.id + "x",
		"x berth-container: " + b.root + "/" + b.id,
	} {
		createCT(t, candidate(b, i), "--hostname", fmt.Sprintf("theirs%d", i), "--description", description)
	}
	b.create()
	if got := b.enclosureName(); got != candidate(b, 4) {
		t.Errorf("the VMID is %s, want the fifth candidate %s", got, candidate(b, 4))
	}
	b.must("delete", "--force", b.id)
	b.wait()
	for i := range 4 {
		if got := ctConfig(t, candidate(b, i))["hostname"]; got != fmt.Sprintf("theirs%d", i) {
			t.Errorf("CT %s is now called %q", candidate(b, i), got)
		}
	}
}

// TestCTAfterReboot runs create in the state after a reboot: the CT exists and is stopped, and the
// record is gone.
func TestCTAfterReboot(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.create()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "stop", vmid)
	b.wait()
	if err := os.RemoveAll(b.root); err != nil {
		t.Fatal(err)
	}
	before := len(mine(t, b))
	b.create()
	if got := b.enclosureName(); got != vmid {
		t.Errorf("first %s, then %s", vmid, got)
	}
	if after := mine(t, b); before != 1 || len(after) != 1 {
		t.Errorf("%d CTs of the container, then %q", before, after)
	}
	b.start()
	b.awaitFile("started")
	b.must("delete", "--force", b.id)
}

// mine returns the VMIDs of the CTs whose description names the container.
func mine(t *testing.T, b *box) []string {
	t.Helper()
	var list []string
	for id := range vmids(t) {
		data, _ := os.ReadFile("/etc/pve/lxc/" + id + ".conf")
		text, _ := url.PathUnescape(string(data))
		if strings.Contains(text, b.root+"/"+b.id+"\n") {
			list = append(list, id)
		}
	}
	return list
}

// TestCTStartedByHand checks that the CT cannot be started by hand after its container has ended.
func TestCTStartedByHand(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, "exit 0")
	b.end()
	vmid := b.enclosureName()
	awaitStopped(t, vmid)
	suite.Eventually(t, "the end of the CT's unit", func() bool {
		return suite.Execute(t, exec.Command("systemctl", "--quiet", "is-active", "pve-container@"+vmid)).Status != 0
	})
	if o := suite.Execute(t, exec.Command("pct", "start", vmid)); o.Status == 0 {
		t.Error("it started")
	}
	if got := b.state().Status; got != "stopped" {
		t.Errorf("the state is %s", got)
	}
	b.must("delete", b.id)
}

// TestCTConfig checks what Proxmox VE shows of a container.
func TestCTConfig(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	var host unix.Sysinfo_t
	if err := unix.Sysinfo(&host); err != nil {
		t.Fatal(err)
	}
	whole := strconv.Itoa(int(host.Totalram * uint64(host.Unit) / (1 << 20)))
	for _, c := range []struct {
		name string
		edit func(*specs.Spec)
		want map[string]string
	}{
		{"unlimited", func(*specs.Spec) {}, map[string]string{"memory": whole, "hostname": "box", "cmode": "shell", "ostype": "unmanaged"}},
		{"podman", func(s *specs.Spec) {
			s.Hostname = "some.name"
			s.Annotations = map[string]string{"io.podman.annotations.autoremove": "FALSE", "io.container.manager": "libpod"}
		}, map[string]string{"hostname": "some-name", "tags": "oci;podman"}},
		{"pod", func(s *specs.Spec) {
			s.Annotations = map[string]string{
				"io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.sandbox-namespace": "shop",
				"io.kubernetes.cri.container-name": "nginx", "io.kubernetes.cri.container-type": "container",
			}
		}, map[string]string{"hostname": "web-0-nginx", "tags": "containerd;oci;shop.web-0"}},
		{"odd hostname", func(s *specs.Spec) { s.Hostname = "-_a" + strings.Repeat("b", 60) }, map[string]string{"hostname": "a" + strings.Repeat("b", 60)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever, c.edit)
			b.create()
			config := ctConfig(t, b.enclosureName())
			for key, want := range c.want {
				if config[key] != want {
					t.Errorf("%s: %q, want %q", key, config[key], want)
				}
			}
			if !strings.Contains(";"+config["tags"]+";", ";oci;") {
				t.Errorf("tags: %q", config["tags"])
			}
			description, _ := url.PathUnescape(config["description"])
			for _, want := range []string{b.id, b.bundle} {
				if !strings.Contains(description, want) {
					t.Errorf("the description does not name %s: %q", want, config["description"])
				}
			}
			if config["rootfs"] != b.rootfs() {
				t.Errorf("rootfs: %q", config["rootfs"])
			}
			if config["net0"] != "" || config["lock"] != "" {
				t.Errorf("config: %q", config)
			}
		})
	}
}

// TestCTStartFails checks that create reports LXC's own reason if a CT does not start, and leaves
// nothing behind, including no failed unit.
func TestCTStartFails(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	vmid := candidate(b, 0)
	dropIn(t, "pve-container@"+vmid, "[Service]\nExecStart=\nExecStart=/bin/sh -c 'echo no luck >>/run/pve/ct-"+vmid+".stderr; exit 1'\n")
	b.refused("LXC says: no luck", b.createArgs()...)
	if vmids(t)[vmid] {
		t.Error("the VMID is still taken")
	}
	if failed := suite.Output(t, "systemctl", "--failed", "--plain", "--no-legend"); strings.Contains(failed, "pve-container@"+vmid) {
		t.Errorf("failed units: %s", failed)
	}
}

// dropIn changes a systemd unit until the test ends.
func dropIn(t *testing.T, unit, text string) {
	t.Helper()
	dir := "/run/systemd/system/" + unit + ".service.d"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		suite.Output(t, "systemctl", "daemon-reload")
	})
	if err := os.WriteFile(filepath.Join(dir, "test.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	suite.Output(t, "systemctl", "daemon-reload")
}
