//go:build linux

package engines

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// snapshot is everything on the host that a container could leave behind, one line per thing.
type snapshot map[string]bool

// settle is how long processes, scopes and cgroups may take to disappear.
const settle = suite.Patience

// same fails the test if the host has anything that before does not have. It waits up to settle.
func (before snapshot) same(t *testing.T) {
	t.Helper()
	var left []string
	settled := suite.Becomes(settle, func() bool {
		left = left[:0]
		for line := range look(t) {
			if !before[line] {
				left = append(left, line)
			}
		}
		return len(left) == 0
	})
	if !settled {
		slices.Sort(left)
		t.Errorf("left on the host:\n\t%s", strings.Join(left, "\n\t"))
	}
}

func look(t *testing.T) snapshot {
	t.Helper()
	s := snapshot{}
	s.processes()
	s.mounts(t)
	s.tree(cgroups, func(d fs.DirEntry) bool { return d.IsDir() })
	for _, dir := range []string{"/run/berth", "/run/lxc", "/var/lib/lxc", "/etc/pve/lxc", "/run/crun", "/run/runc", "/run/containerd/runc"} {
		s.tree(dir, func(d fs.DirEntry) bool { return true })
	}
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run", "/run/netns", "/var/lib/containers/storage/overlay-containers",
		"/run/containers/storage/overlay-containers", "/run/containerd/io.containerd.runtime.v2.task/" + namespace, "/run/containerd/io.containerd.runtime.v2.task/" + kubernetes,
		"/var/lib/cni/networks/berth-test"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			s.add("file", filepath.Join(dir, e.Name()))
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		s.add("link", l.Name)
	}
	s.sockets(t)
	if wanted("cri") || wanted("cri-limits") {
		s.lines("iptables", "iptables", "-t", "nat", "-S")
	}
	s.lines("lxc-ls", "lxc-ls", "-1")
	s.lines("unit", "systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=scope,service", "libpod*", "*berth*", "pve-container@*")
	if _, err := exec.LookPath("pct"); err == nil {
		s.lines("pct", "pct", "list")
	}
	return s
}

// add adds a line with a number from the second of its kind on, so that each one counts.
func (s snapshot) add(kind, what string) {
	line := kind + " " + what
	for n := 2; s[line]; n++ {
		line = fmt.Sprintf("%s %s (%d)", kind, what, n)
	}
	s[line] = true
}

func (s snapshot) lines(kind, name string, args ...string) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		s.add(kind, err.Error()+": "+string(out))
		return
	}
	for line := range strings.Lines(string(out)) {
		s.add(kind, strings.Join(strings.Fields(line), " "))
	}
}

// processes adds the processes that have a command line, which the kernel's own do not have. It
// leaves out systemd's processes, because the host's services start a helper now and then.
func (s snapshot) processes() {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		cmdline, _ := os.ReadFile(d + "/cmdline")
		comm, _ := os.ReadFile(d + "/comm")
		if len(cmdline) == 0 || filepath.Base(d) == strconv.Itoa(os.Getpid()) || strings.HasPrefix(string(comm), "systemd-") {
			continue
		}
		if string(comm) == "containerd\n" {
			continue // a test restarts it
		}
		s.add("process", filepath.Base(d)+" "+strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " ")))
	}
}

var peerGroup = regexp.MustCompile(`(shared|master|propagate_from):\d+`)

// mounts adds the mount table without ids and device numbers (proc_pid_mountinfo(5)), but with the
// propagation type, which a runtime must not change.
func (s snapshot) mounts(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 4)
		s.add("mount", peerGroup.ReplaceAllString(fields[3], "$1"))
	}
}

// kept are directories that stay: crun's and berth's caches of compiled seccomp filters, and the
// cgroup that podman creates for conmon where /proc/PID/cgroup also shows hierarchies of version 1.
var kept = []string{".cache", "@roots", "@seccomp", "systemd"}

// tree adds everything below a directory that take accepts.
func (s snapshot) tree(dir string, take func(fs.DirEntry) bool) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it has gone in between
		}
		if slices.Contains(kept, d.Name()) {
			return fs.SkipDir
		}
		if path != dir && take(d) {
			s.add("file", path)
		}
		return nil
	})
}

// sockets adds the named Unix sockets of LXC and berth.
func (s snapshot) sockets(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 8 || !strings.Contains(fields[7], "lxc") && !strings.Contains(fields[7], "berth") {
			continue
		}
		s.add("socket", fields[7])
	}
}

// traces returns what the host has of one container, by its id: processes, mounts, cgroups, files.
func traces(t *testing.T, id string) []string {
	t.Helper()
	var found []string
	for line := range look(t) {
		if strings.Contains(line, id) {
			found = append(found, line)
		}
	}
	return found
}
