//go:build linux && integration

package lifecycle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// census is the set of things on the host that a container can leave behind: processes, namespaces,
// mounts, cgroups and files.
type census map[string]bool

// aside are the names of the host's own programs, which start and end at any time. The children of
// process 2, the kernel's threads, are left out as well.
var aside = []string{"systemd", "(sd", "(systemd", "agetty", "login", "dbus-", "containerd", "sshd", "journalctl"}

func takeCensus() census {
	c := census{}
	for _, p := range suite.Processes() {
		if p.Pid == os.Getpid() || p.Pid == 2 || p.Parent == 2 || slices.ContainsFunc(aside, func(s string) bool { return strings.HasPrefix(p.Comm, s) }) || suite.Own(p.Pid) {
			continue
		}
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
		state := ""
		if p.State == 'Z' { // the other states change all the time
			state = "zombie "
		}
		c[fmt.Sprintf("process %d (%s%s, child of %d): %s", p.Pid, state, p.Start, p.Parent, strings.ReplaceAll(string(cmdline), "\x00", " "))] = true
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", p.Pid))
		for _, l := range links {
			if ns, err := os.Readlink(l); err == nil {
				c["namespace "+ns] = true
			}
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		c["mount "+strings.TrimSpace(line)] = true
	}
	walk := func(kind, dir string, skip ...string) {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || slices.Contains(skip, path) {
				return fs.SkipDir
			}
			if kind == "cgroup" && !d.IsDir() {
				return nil
			}
			c[kind+" "+path] = true
			return nil
		})
	}
	walk("cgroup", "/sys/fs/cgroup")
	walk("file", "/run", "/run/systemd", "/run/udev", "/run/user", "/run/log", "/run/host", "/run/containerd")
	walk("file", "/tmp", suite.Dir())
	for _, dir := range []string{"/var/lib/lxc", "/var/lib/berth", "/var/log/lxc", "/dev/shm", "/etc/pve/lxc", "/var/tmp", "/root"} {
		walk("file", dir)
	}
	return c
}

// kept may stay: the locks and logs of the stand-in and of LXC, and what the first container of
// every runtime makes.
var kept = []string{
	"file /run/lock", "file /run/pve", "file /run/lxc/lock", "file /run/lxc/lock/var", "file /run/lxc/lock/var/lib", "file /run/lxc/lock/var/lib/lxc", "file /run/lxc", "file /var/lib/lxc", "file /run/berth",
	"file /run/crun", "file /run/runc", "file /run/berth/@roots", "file /run/berth/@seccomp", "file /run/berth/@empty.tar", "cgroup /sys/fs/cgroup/lxc", "cgroup /sys/fs/cgroup/lxc.pivot", "cgroup /sys/fs/cgroup/lxc.monitor",
	"cgroup /sys/fs/cgroup/system.slice/system-pve\\x2dcontainer.slice",
}

func isKept(s string) bool {
	return slices.Contains(kept, s) || strings.HasPrefix(s, "file /run/lock/") || strings.HasPrefix(s, "file /run/pve/") ||
		strings.HasPrefix(s, "file /run/berth/@seccomp/") || strings.HasPrefix(s, "file /run/berth/@roots/")
}

// leftovers returns what is on the host now and was not there at the census, if it does not go away
// by itself.
func (before census) leftovers() string {
	var left []string
	suite.Becomes(suite.Patience, func() bool {
		suite.Reap()
		left = left[:0]
		for _, s := range slices.Sorted(maps.Keys(takeCensus())) {
			if !before[s] && !isKept(s) {
				left = append(left, "  "+s+"\n")
			}
		}
		return len(left) == 0
	})
	return strings.Join(left, "")
}

// noLeftovers fails the test if it has left anything. Nothing else may run beside that test.
func (before census) noLeftovers(t *testing.T) {
	t.Helper()
	if left := before.leftovers(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// hashTree returns a hash over a tree: names, kinds, modes, owners, device numbers, times, links
// and contents.
func hashTree(dir string, skip ...string) string {
	h := sha256.New()
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if slices.Contains(skip, path) {
			return fs.SkipDir
		}
		fmt.Fprintln(h, describeFile(dir, path, err))
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))
}

// listTree returns a tree's entries as text, to compare where hashTree differs.
func listTree(dir string) []string {
	var list []string
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		list = append(list, describeFile(dir, path, err))
		return nil
	})
	return list
}

func describeFile(dir, path string, err error) string {
	name := strings.TrimPrefix(path, dir)
	info, serr := os.Lstat(path)
	if err != nil || serr != nil {
		return fmt.Sprintf("%s: %v %v", name, err, serr)
	}
	st := info.Sys().(*syscall.Stat_t)
	line := name + " " + info.Mode().String() + " " + strconv.Itoa(int(st.Uid)) + ":" + strconv.Itoa(int(st.Gid)) + " " + strconv.FormatUint(st.Rdev, 16)
	switch {
	case info.Mode().IsRegular():
		data, err := os.ReadFile(path)
		line += fmt.Sprintf(" %v %d %x %v", info.ModTime().UnixNano(), len(data), sha256.Sum256(data), err)
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(path)
		line += " -> " + target
	}
	return line
}
