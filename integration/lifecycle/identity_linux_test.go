//go:build linux && integration

package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// enclosureName returns the name of the LXC container or the CT's VMID.
func (b *box) enclosureName() string {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.root, b.id, "state.json"))
	if err != nil {
		b.Fatal(err)
	}
	var record struct{ Data struct{ Name string } }
	if err := json.Unmarshal(data, &record); err != nil || record.Data.Name == "" {
		b.Fatalf("the record: %v: %s", err, data)
	}
	return record.Data.Name
}

// TestIdentity checks that the user process is PID 1 of the container, a child of the caller's
// subreaper, and in its own namespaces and cgroup.
func TestIdentity(t *testing.T) {
	t.Parallel()
	b := newBox(t, "echo $$ >/out/pid; cat /proc/self/cgroup >/out/cgroup; exec sleep 1000")
	b.create()
	check := func(when string) {
		p, err := suite.ReadProcess(b.pid)
		if err != nil {
			t.Fatal(err)
		}
		if p.Parent != os.Getpid() {
			t.Errorf("%s: its parent is %d, not the subreaper", when, p.Parent)
		}
		for _, kind := range []string{"pid", "net", "ipc", "uts", "mnt", "cgroup"} {
			if suite.Namespace(t, b.pid, kind) == suite.Namespace(t, os.Getpid(), kind) {
				t.Errorf("%s: its %s namespace is the host's", when, kind)
			}
		}
		if suite.Namespace(t, b.pid, "user") != suite.Namespace(t, os.Getpid(), "user") {
			t.Errorf("%s: it is in another user namespace", when)
		}
		if nspid := strings.Fields(suite.Field(t, b.pid, "NSpid")); nspid[len(nspid)-1] != "1" {
			t.Errorf("%s: NSpid is %q", when, nspid)
		}
		if c := suite.Cgroup(t, b.pid); c == suite.Cgroup(t, os.Getpid()) || !strings.Contains(c, b.id) && *backend != "pct" {
			t.Errorf("%s: its cgroup is %s", when, c)
		}
	}
	check("created")
	b.start()
	if got := b.awaitFile("pid"); got != "1\n" {
		t.Errorf("it knows itself as %q", got)
	}
	check("started")
	if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", b.pid)); !strings.HasSuffix(exe, "/bin/busybox") {
		t.Errorf("its executable is %s", exe)
	}
	if got := b.awaitFile("cgroup"); !strings.HasSuffix(got, "0::/\n") {
		t.Errorf("it sees the cgroup %q", got)
	}
}

// TestStubInit checks that beside the container's process only LXC's monitor and the stub init
// exist. The stub init has one task and little private memory. No berth process is left.
func TestStubInit(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.running()
	cgroup := suite.Cgroup(t, b.pid)
	data, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", cgroup, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(data)); got != strconv.Itoa(b.pid) {
		t.Fatalf("cgroup %s holds the processes %q, want %d alone", cgroup, got, b.pid)
	}
	if *backend == "pct" {
		if want := "/lxc/" + b.enclosureName() + "/ns"; cgroup != want {
			t.Errorf("the cgroup is %s, want %s", cgroup, want)
		}
	}
	init := strings.TrimSpace(suite.Output(t, "lxc-info", "-n", b.enclosureName(), "-p", "-H"))
	stubInit, err := strconv.Atoi(init)
	if err != nil {
		t.Fatalf("LXC says that its init is %q", init)
	}
	if name, err := os.ReadFile("/proc/" + init + "/cmdline"); err != nil || !strings.HasPrefix(string(name), "@/stub-init") {
		t.Errorf("LXC's init is %q (%v), want the stub init", name, err)
	}
	ppid, err := strconv.Atoi(suite.Field(t, stubInit, "PPid"))
	b.must1(err)
	if own, monitor := suite.Cgroup(t, stubInit), suite.Cgroup(t, ppid); own != monitor {
		t.Errorf("the stub init is in the cgroup %s, its monitor in %s", own, monitor)
	}
	for _, kind := range []string{"pid", "net", "ipc", "uts", "cgroup"} {
		if suite.Namespace(t, stubInit, kind) != suite.Namespace(t, b.pid, kind) {
			t.Errorf("the stub init is in another %s namespace", kind)
		}
	}
	// LXC gives an attached process the stub init's capability bounding set. It must match the
	// container's.
	const show = "grep CapPrm /proc/self/status"
	attach := exec.Command("lxc-attach", "-n", b.enclosureName(), "--", "sh", "-c", show)
	if *backend == "pct" {
		attach = exec.Command("pct", "exec", b.enclosureName(), "--", "sh", "-c", show)
	}
	if o, want := suite.Execute(t, attach), b.must("exec", b.id, "sh", "-c", show); o.Status != 0 || o.Stdout != want {
		t.Errorf("attached: status %d, %q, %q; by exec: %q", o.Status, o.Stdout, o.Stderr, want)
	}
	if tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", stubInit)); len(tasks) != 1 {
		t.Errorf("the stub init has %d tasks", len(tasks))
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", stubInit))
	if err != nil {
		t.Fatal(err)
	}
	private := 0
	for line := range strings.Lines(string(rollup)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Private_") {
			kb, _ := strconv.Atoi(f[1])
			private += kb
		}
	}
	if private == 0 || private >= 200 {
		t.Errorf("the stub init has %d kB of private memory", private)
	}
	if fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", stubInit)); len(fds) > 5 {
		t.Errorf("the stub init has %d descriptors open", len(fds))
	}
	for _, p := range suite.Processes() {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.Pid))
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
		if !suite.Own(p.Pid) && bytes.Contains(cmdline, []byte(b.root)) && strings.Contains(exe, "berth") {
			t.Errorf("process %d of berth is left: %q", p.Pid, cmdline)
		}
	}
	if maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", b.pid)); bytes.Contains(maps, []byte("berth")) && !bytes.Contains([]byte(b.bundle), []byte("berth")) {
		t.Errorf("the process maps something of berth's: %s", maps)
	}
}

// TestRootfsAfterwards checks that what a container has written to its rootfs stays there, and that
// only the mount points that crun makes, too, are added. All else is unchanged.
func TestRootfsAfterwards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*specs.Spec)
	}{
		{"plain", func(*specs.Spec) {}},
		{"read-only", func(s *specs.Spec) {
			s.Root.Readonly = true
			s.Mounts = s.Mounts[:len(s.Mounts)-1]
		}},
		{"terminal-like mounts", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts,
				specs.Mount{Destination: "/etc/hosts", Type: "bind", Source: "/etc/hostname", Options: []string{"bind", "ro"}},
				specs.Mount{Destination: "/new/deep/file", Type: "bind", Source: "/etc/hostname", Options: []string{"bind", "ro"}},
				specs.Mount{Destination: "/new/dir", Type: "tmpfs", Source: "tmpfs"})
			s.Linux.MaskedPaths = []string{"/etc/passwd", "/proc/kcore"}
			s.Linux.ReadonlyPaths = []string{"/etc/group", "/proc/sys"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "exit 0", c.edit)
			peer := filepath.Join(b.out, "peer")
			if err := os.Mkdir(peer, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"rootfs", "config.json"} {
				suite.CopyTree(t, filepath.Join(b.bundle, name), filepath.Join(peer, name))
			}
			if o := suite.Execute(t, exec.Command("crun", "--root", filepath.Join(b.out, "crun"), "run", "--bundle", peer, b.id)); o.Status != 0 {
				t.Fatalf("crun: status %d: %s", o.Status, o.Stderr)
			}
			before := listTree(b.rootfs())
			if _, ws := b.end(); ws != 0 {
				t.Fatalf("ended with %#x: %s", ws, b.said("stderr"))
			}
			b.must("delete", b.id)
			after, want := listTree(b.rootfs()), listTree(filepath.Join(peer, "rootfs"))
			for _, line := range after {
				// Only the names are compared because berth makes mount points with runc's modes.
				name, _, _ := strings.Cut(line, " ")
				if !slices.ContainsFunc(want, func(s string) bool { return strings.HasPrefix(s, name+" ") }) && !slices.Contains(before, line) {
					t.Errorf("of berth's making, or changed: %s", line)
				}
			}
			for _, line := range before {
				// Every file and directory must be unchanged, except for what a directory contains.
				if !slices.Contains(after, line) {
					t.Errorf("gone, or changed: %s", line)
				}
			}
		})
	}
}

// TestWaitStatus checks the wait statuses that only the parent sees.
func TestWaitStatus(t *testing.T) {
	t.Parallel()
	for script, check := range map[string]func(b *box) bool{
		"exit 7": func(b *box) bool { return b.wait().ExitStatus() == 7 },
		"echo up >/out/started; exec sleep 1000": func(b *box) bool {
			b.awaitFile("started")
			b.must("kill", b.id, "USR1")
			// PID 1 without a handler ignores signals from inside. From the parent namespace only
			// KILL and STOP are certain to work.
			b.must("kill", b.id, "9")
			ws := b.wait()
			return ws.Signaled() && ws.Signal() == 9 && !ws.CoreDump()
		},
		"(sleep 1000 &) ; exit 3": func(b *box) bool { return b.wait().ExitStatus() == 3 },
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, script)
			b.create()
			b.start()
			if !check(b) {
				t.Error("another status")
			}
			b.await("stopped")
			b.must("delete", b.id)
		})
	}
}
