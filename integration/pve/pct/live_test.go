//go:build linux && testhost

// These tests start real containers. They run on a test host where pve-standin-setup has been run:
//
//	go test -c -tags testhost -o live.test ./integration/pve/pct
//	live.test -test.run Live
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/suite"
)

const testRoot = "/usr/share/berth-test/rootfs"

// ct is a container on the test host whose root is a copy of the test image.
type ct struct {
	*testing.T
	id, rootfs, include string
}

func newCT(t *testing.T, id, include string) *ct {
	t.Helper()
	dir := t.TempDir()
	c := &ct{t, id, filepath.Join(dir, "rootfs"), filepath.Join(dir, "include.conf")}
	c.shell("cp -a " + testRoot + " " + c.rootfs + " && tar -cf " + dir + "/empty.tar -T /dev/null")
	t.Cleanup(func() { _ = exec.Command("pct", "destroy", id, "--force", "1").Run() })
	c.must("create", id, dir+"/empty.tar", "--rootfs", c.rootfs, "--ostype", "unmanaged", "--unprivileged", "0",
		"--arch", "amd64", "--hostname", "box")
	if err := os.WriteFile(c.include, []byte(include), 0o644); err != nil {
		t.Fatal(err)
	}
	conf, err := os.OpenFile("/etc/pve/lxc/"+id+".conf", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conf.Close()
	fmt.Fprintf(conf, "lxc.include: %s\n", c.include)
	return c
}

func (c *ct) shell(script string) {
	c.Helper()
	if output, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		c.Fatalf("%s: %v\n%s", script, err, output)
	}
}

func (c *ct) run(arguments ...string) (output string, status int) {
	c.Helper()
	raw, err := exec.Command("pct", arguments...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.Fatal(err)
	}
	if exit != nil {
		status = exit.ExitCode()
	}
	return string(raw), status
}

func (c *ct) must(arguments ...string) string {
	c.Helper()
	output, status := c.run(arguments...)
	if status != 0 {
		c.Fatalf("pct %q: status %d: %s", arguments, status, output)
	}
	return output
}

// digest returns a hash of every name, mode, owner, link and byte in the root, but not of times.
func (c *ct) digest() string {
	c.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(c.rootfs, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(sum, "%s %v %d %d\n", path, info.Mode(), stat.Uid, stat.Gid)
		switch {
		case info.Mode().IsRegular():
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, _ = sum.Write(raw)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintln(sum, target)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func TestLiveLife(t *testing.T) {
	c := newCT(t, "900100", "lxc.init.cmd = /bin/sh -c 'trap \"exit 0\" PWR; while :; do sleep 0.1; done'\n")
	before := c.digest()
	c.must("start", c.id)
	if list := c.must("list"); !strings.Contains(list, "900100     running                 box") {
		t.Errorf("list shows\n%s", list)
	}
	if output, status := c.run("exec", c.id, "--", "sh", "-c", "hostname; cat /proc/1/comm; exit 5"); output != "box\nsh\n" || status != 5 {
		t.Errorf("exec: status %d, %q", status, output)
	}
	if _, status := c.run("exec", c.id, "--", "/nosuch"); status != 127 {
		t.Errorf("exec of nothing: status %d", status)
	}
	if _, status := c.run("exec", c.id, "--", "/etc/passwd"); status != 126 {
		t.Errorf("exec of no program: status %d", status)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), "/var/lib/lxc/"+c.id) {
		t.Errorf("the host sees the root's mount, or %v", err)
	}
	if output, status := c.run("destroy", c.id); status == 0 || !strings.Contains(output, "container is running") {
		t.Errorf("destroy: status %d, %q", status, output)
	}
	init, err := exec.Command("lxc-info", "-n", c.id, "-p", "-H").Output()
	pid, wrong := strconv.Atoi(strings.TrimSpace(string(init)))
	if err != nil || wrong != nil {
		t.Fatalf("lxc-info: %q, %v", init, err)
	}
	suite.Eventually(t, "init catches SIGPWR", func() bool { return suite.Catches(t, pid, syscall.SIGPWR) })
	c.must("shutdown", c.id, "--timeout", "60")
	c.must("start", c.id)
	c.must("stop", c.id)
	if got := c.must("status", c.id); got != "status: stopped\n" {
		t.Errorf("status shows %q", got)
	}
	c.must("start", c.id)
	c.must("destroy", c.id, "--force", "1", "--purge", "1", "--destroy-unreferenced-disks", "1")
	if c.digest() != before {
		t.Error("the root changed")
	}
	if _, err := os.Stat("/sys/fs/cgroup/lxc/" + c.id); err == nil {
		t.Error("the cgroup is still there")
	}
}

// TestLiveShare checks that the include may name an existing pid namespace, and hooks.
func TestLiveShare(t *testing.T) {
	stage := exec.Command("sleep", "600")
	stage.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := stage.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = stage.Process.Kill(), stage.Wait() }()
	mark := filepath.Join(t.TempDir(), "stopped")
	pid := stage.Process.Pid
	c := newCT(t, "900101", fmt.Sprintf("lxc.namespace.share.pid = /proc/%d/ns/pid\nlxc.init.cmd = /bin/sleep 600\n"+
		"lxc.hook.post-stop = /bin/sh -c 'echo \"$LXC_TARGET $*\" > %s; kill -9 %d' hook\n", pid, mark, pid))
	c.must("start", c.id)
	if got := c.must("exec", c.id, "--", "cat", "/proc/1/cmdline"); got != "sleep\x00600\x00" {
		t.Errorf("PID 1 in the container is %q", got)
	}
	ours, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if theirs := strings.TrimSpace(c.must("exec", c.id, "--", "readlink", "/proc/self/ns/pid")); theirs != ours {
		t.Errorf("the pid namespace is %s, not %s", theirs, ours)
	}
	c.must("stop", c.id)
	if raw, err := os.ReadFile(mark); err != nil || string(raw) != "stop "+c.id+" lxc post-stop\n" {
		t.Errorf("the stop hook wrote %q, %v", raw, err)
	}
	var exit *exec.ExitError
	if err := stage.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the first process ended with %v", err)
	}
	c.must("destroy", c.id)
}

// TestLiveMounts tests a mount point, a device, and a change of the running container.
func TestLiveMounts(t *testing.T) {
	c := newCT(t, "900102", "lxc.init.cmd = /bin/sleep 600\n")
	extra := t.TempDir()
	c.shell("touch " + extra + "/seen")
	c.must("set", c.id, "--mp0", extra+",mp=/mnt/x,ro=1", "--dev0", "/dev/fuse,mode=0666,gid=7")
	c.must("start", c.id)
	if got := c.must("exec", c.id, "--", "sh", "-c", "ls /mnt/x; stat -c '%F %a %g' /dev/fuse; touch /mnt/x/y 2>&1; true"); got !=
		"seen\ncharacter special file 666 7\ntouch: /mnt/x/y: Read-only file system\n" {
		t.Errorf("the container sees %q", got)
	}
	c.must("set", c.id, "--mp0", extra+",mp=/mnt/x", "--hostname", "new")
	if got := c.must("pending", c.id); !strings.Contains(got, "cur hostname: new\n") || !strings.Contains(got, "new mp0: ") {
		t.Errorf("pending shows\n%s", got)
	}
	c.must("stop", c.id)
	if got := c.must("config", c.id, "--current"); !strings.Contains(got, "mp0: "+extra+",mp=/mnt/x\n") {
		t.Errorf("after the stop:\n%s", got)
	}
}

func TestLiveFailedStarts(t *testing.T) {
	tests := []struct{ name, include, words string }{
		{"init missing", "lxc.init.cmd = /nosuch\n", "startup for container '%s' failed\n"},
		{"init ends", "lxc.init.cmd = /bin/true\n", "unable to get PID for CT %s (not running?)\n"},
		{"namespace missing", "lxc.namespace.share.pid = /proc/4000000/ns/pid\n", "startup for container '%s' failed\n"},
		{"key unknown", "lxc.nosuch = 1\n", "unable to get PID for CT %s (not running?)\n"},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCT(t, strconv.Itoa(900110+i), test.include)
			output, status := c.run("start", c.id)
			if test.name == "init ends" && status == 0 {
				return // seen alive by chance, as with the real pct
			}
			if want := fmt.Sprintf(test.words, c.id); status == 0 || !strings.HasSuffix(output, want) {
				t.Errorf("status %d, %q", status, output)
			}
		})
	}
}

// TestLiveOverhead measures what pct adds to systemd's start of lxc-start and its hooks.
func TestLiveOverhead(t *testing.T) {
	c := newCT(t, "900120", "lxc.init.cmd = /bin/sleep 600\n")
	c.must("start", c.id)
	c.must("stop", c.id)
	plain := strings.NewReplacer(c.id, "overhead", "/var/lib/lxc/"+c.id+"/rootfs", c.rootfs)
	raw, err := os.ReadFile("/var/lib/lxc/" + c.id + "/config")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "lxc.hook.") {
			lines = append(lines, plain.Replace(line))
		}
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	var mine, bare time.Duration
	for i := range 10 {
		began := time.Now()
		c.must("start", c.id)
		took := time.Since(began)
		c.must("stop", c.id)
		began = time.Now()
		c.shell("lxc-start -d -n overhead -f " + file)
		alone := time.Since(began)
		c.shell("lxc-stop -k -n overhead")
		if i == 0 || took < mine {
			mine = took
		}
		if i == 0 || alone < bare {
			bare = alone
		}
	}
	t.Logf("pct start %v, lxc-start -d %v", mine, bare)
	if mine-bare > 60*time.Millisecond {
		t.Errorf("pct start costs %v over lxc-start", mine-bare)
	}
}
