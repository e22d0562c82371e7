//go:build linux

package engines

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

const (
	// namespace is the containerd namespace of the tests.
	namespace = "berth-test"
	ctrImage  = image + ":latest"
)

func TestContainerd(t *testing.T) {
	if wanted("containerd") {
		perBinary(t, "containerd", slices.Concat(containerdTests, containerdOperations))
	}
}

func TestContainerdLimits(t *testing.T) {
	if wanted("containerd-limits") {
		perBinary(t, "containerd limits", containerdLimitTests)
	}
}

func perBinary(t *testing.T, suite string, tests []test[*containerd]) {
	for _, runtime := range runtimes {
		column(t, suite, runtime.name, func(t *testing.T) *containerd {
			return &containerd{T: t, runtime: runtime.path}
		}, some(runtime, tests))
	}
}

// containerd is the engine within one test. Its shim is io.containerd.runc.v2, with the runtime as
// the shim's BinaryName.
type containerd struct {
	*testing.T
	runtime string
	names   int
}

func (c *containerd) command(args ...string) command {
	return command{argv: append([]string{"ctr", "--namespace", namespace}, args...)}
}

func (c *containerd) runArgs(args ...string) []string { return append(ctrRun(c.runtime), args...) }

// ctrRun returns the first arguments of a ctr run with a runtime. Without controllers it turns off
// CPU shares, the only limit that ctr sets by itself.
func ctrRun(runtime string) []string {
	args := []string{"run", "--runtime", "io.containerd.runc.v2", "--runc-binary", runtime}
	if controllers() != nil {
		args = append(args, "--cpu-shares", "0")
	}
	return args
}

func (c *containerd) run(args ...string) result {
	c.Helper()
	return c.command(args...).run(c.T)
}

func (c *containerd) must(args ...string) string {
	c.Helper()
	return c.command(args...).must(c.T)
}

// name returns a new name. The container of this name is removed when the test ends.
func (c *containerd) name() string {
	c.names++
	name := strings.ToLower(strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(c.T.Name(), "-"), "-"))
	// containerd's identifiers have at most 76 characters.
	name = name[max(0, len(name)-60):] + "-" + strconv.Itoa(c.names)
	name = strings.TrimLeft(name, "-")
	c.Cleanup(func() {
		_ = c.run("task", "delete", "--force", name)
		_ = c.run("container", "delete", name)
	})
	return name
}

// detached starts a container in the background and returns its id.
func (c *containerd) detached(options []string, program ...string) (id string) {
	c.Helper()
	id = c.name()
	args := c.runArgs(append([]string{"--detach"}, options...)...)
	c.must(append(append(args, ctrImage, id), program...)...)
	return id
}

// task returns a task's pid and status from ctr task list, or 0 and "" if it is not there.
func (c *containerd) task(id string) (pid int, status string) {
	c.Helper()
	for line := range strings.Lines(c.must("task", "list")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == id {
			return number(c.T, f[1]), f[2]
		}
	}
	return 0, ""
}

func (c *containerd) stopped(id string) {
	c.Helper()
	eventually(c.T, "stopped", func() bool { _, s := c.task(id); return s == "STOPPED" })
}

// deleted deletes a task, and checks that it ended with a status. ctr reports the status only in a
// message.
func (c *containerd) deleted(id string, status int) {
	c.Helper()
	r := c.run("task", "delete", id)
	if r.status != 0 || !strings.Contains(r.stderr, fmt.Sprintf("exit code %d\"", status)) {
		c.Errorf("task delete: no word of exit status %d: %+v", status, r)
	}
}

var containerdTests = []test[*containerd]{
	{"exit status 0", ctrExit{program: opts("true")}.run},
	{"exit status 7", ctrExit{program: opts("sh", "-c", "exit 7"), status: 7}.run},
	{"no such program", ctrExit{program: opts("nosuchprogram"), status: 1, stderr: `executable file .*not found in \$PATH`}.run},
	{"not executable", ctrExit{program: opts("/etc/passwd"), status: 1, stderr: "permission denied|not permitted"}.run},
	{"stdin, stdout and stderr", func(t *testing.T, c *containerd) {
		run := c.command(c.runArgs("--rm", ctrImage, c.name(), "sh", "-c", "read line; echo $line; echo err >&2; exit 5")...)
		run.stdin = strings.NewReader("passed on\n")
		if r := run.run(t); r.stdout != "passed on\n" || r.stderr != "err\n" || r.status != 5 {
			t.Errorf("%+v", r)
		}
	}},
	{"terminal", func(t *testing.T, c *containerd) {
		x := onTerminal(t, c.command(c.runArgs("--rm", "-t", ctrImage, c.name(), "sh", "-c",
			`tty; echo ready; until [ "$(stty size)" = "50 120" ]; do sleep 0.1; done; trap : INT; echo resized; sleep 1000; echo "status $?"; exit 3`)...).argv...)
		x.expect(`/dev/pts/0\r+\n`)
		x.expect(`ready`)
		x.resizeUntil(`resized`)
		x.interruptUntil(`status 130`)
		if s := x.status(); s != 3 {
			t.Errorf("exit status %d, not 3", s)
		}
	}},
	{"-d, kill, exit status, delete", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sh", "-c", `trap "exit 6" TERM; trap : USR1; while :; do sleep 0.1; done`)
		pid, status := c.task(id)
		if status != "RUNNING" {
			t.Errorf("the task is %s", status)
		}
		eventually(t, "a handler for SIGTERM", func() bool { return suite.Catches(t, pid, syscall.SIGTERM) })
		c.must("task", "kill", "--signal", "USR1", id)
		c.must("task", "kill", "--signal", "SIGTERM", id)
		c.stopped(id)
		c.deleted(id, 6)
		c.must("container", "delete", id)
		c.gone(id)
	}},
	{"kill -9", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sh", "-c", "sleep 1000 & sleep 1000; true")
		c.must("task", "kill", "--signal", "SIGKILL", id)
		c.stopped(id)
		c.deleted(id, 137)
		c.must("container", "delete", id)
		c.gone(id)
	}},
	{"kill --all", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sh", "-c", "trap '' TERM; sleep 1001 & wait; sleep 0.2; exit 4")
		pid, _ := c.task(id)
		eventually(t, "a child", func() bool { return suite.Proc(t, pid, "task/"+strconv.Itoa(pid)+"/children") != "" })
		c.must("task", "kill", "--all", "--signal", "SIGKILL", id)
		c.stopped(id)
	}},
	{"the shim is killed", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sh", "-c", "sleep 1000 & sleep 1000; true")
		pid, _ := c.task(id)
		if err := syscall.Kill(shim(t, id), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		// containerd calls the runtime to delete the shim's container.
		eventually(t, "the end of its process", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
		_ = c.run("task", "delete", "--force", id)
		c.must("container", "delete", id)
		c.gone(id)
	}},
	{"delete --force of a running task", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sleep", "1000")
		c.run("task", "delete", "--force", id)
		c.must("container", "delete", id)
		c.gone(id)
	}},
	{"the task's pid is the first process", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sleep", "2211")
		pid, _ := c.task(id)
		eventually(t, "the user's program", func() bool { return suite.Proc(t, pid, "cmdline") == "sleep\x002211\x00" })
		if got := suite.Field(t, pid, "NSpid"); !strings.HasSuffix(got, " 1") {
			t.Errorf("NSpid %s", got)
		}
		if shim := suite.Proc(t, number(t, suite.Field(t, pid, "PPid")), "comm"); shim != "containerd-shim\n" {
			t.Errorf("its parent is %s", shim)
		}
		for _, n := range []string{"cgroup", "ipc", "mnt", "net", "pid", "uts"} {
			// With cgroup v1, ctr's containers have no cgroup namespace.
			if suite.Namespace(t, pid, n) == suite.Namespace(t, os.Getpid(), n) && n != "cgroup" {
				t.Errorf("%s is the host's", n)
			}
		}
	}},
	{"options", func(t *testing.T, c *containerd) {
		dir := hostDir(t)
		r := c.run(c.runArgs("--rm", "--hostname", "box", "--user", "1234:4321", "--cwd", "/usr/bin", "--env", "A=b c", "--read-only",
			"--mount", "type=bind,src="+dir+",dst=/host,options=rbind:ro", ctrImage, c.name(), "sh", "-c",
			`hostname; id -u; id -g; pwd; echo "$A"; cat /host/file; echo x 2>&1 >/tmp/x | grep -o Read-only`)...)
		if want := "box\n1234\n4321\n/usr/bin\nb c\nof the hostRead-only\n"; r.stdout != want {
			t.Errorf("%q, not %q; stderr: %s", r.stdout, want, r.stderr)
		}
	}},
	{"host network", func(t *testing.T, c *containerd) {
		id := c.detached(opts("--net-host"), "sleep", "1000")
		pid, _ := c.task(id)
		if suite.Namespace(t, pid, "net") != suite.Namespace(t, os.Getpid(), "net") {
			t.Error("it is not the host's")
		}
	}},
	{"seccomp and no new privileges", func(t *testing.T, c *containerd) {
		got := c.must(c.runArgs("--rm", "--seccomp", ctrImage, c.name(), "sh", "-c", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t\\n' '  '")...)
		if got != "NoNewPrivs: 1 Seccomp: 2" {
			t.Errorf("%q", got)
		}
	}},
}

// containerdLimitTests are the tests that need cgroup controllers.
var containerdLimitTests = []test[*containerd]{
	{"metrics are the container's own cgroup's", metrics},
	{"metrics: what a hog uses", func(t *testing.T, c *containerd) {
		id := c.detached(opts("--memory-limit", "100000000"), "sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; sleep 1000")
		eventually(t, "20 MB in the metrics", func() bool { return c.metrics(id).Memory.Usage > 20<<20 })
	}},
	{"memory: a hog is killed", func(t *testing.T, c *containerd) {
		id := c.detached(opts("--memory-limit", "33554432"), "tail", "/dev/zero")
		c.stopped(id)
		c.deleted(id, 137)
	}},
	{"systemd's cgroups", func(t *testing.T, c *containerd) {
		name := "ctr" + strconv.Itoa(os.Getpid()) + filepath.Base(c.runtime)
		id := c.detached(opts("--runc-systemd-cgroup", "--cgroup", "system.slice:ctr:"+name, "--memory-limit", "33554432"), "sleep", "1000")
		pid, _ := c.task(id)
		path := suite.Cgroup(t, pid)
		if !ofProxmox(path) && !strings.HasPrefix(path, "/system.slice/ctr-"+name+".scope") {
			t.Errorf("its cgroup is %s", path)
		}
		if got := governing(t, path, "memory.max"); got != "33554432" {
			t.Errorf("memory.max is %s", got)
		}
	}},
}

type ctrExit struct {
	program []string
	status  int
	stderr  string // a regular expression for a part of it
}

func (e ctrExit) run(t *testing.T, c *containerd) {
	r := c.run(append(c.runArgs("--rm", ctrImage, c.name()), e.program...)...)
	if r.status != e.status {
		t.Errorf("exit status %d, not %d; stderr: %s", r.status, e.status, r.stderr)
	}
	if !regexp.MustCompile("(?i)" + e.stderr).MatchString(r.stderr) {
		t.Errorf("stderr has no %q: %s", e.stderr, r.stderr)
	}
}

// figures is a part of ctr's metrics (containerd/cgroups, v2 stats).
type figures struct {
	Pids struct {
		Current uint64 `json:"current"`
	} `json:"pids"`
	Memory struct {
		Usage      uint64 `json:"usage"`
		UsageLimit uint64 `json:"usage_limit"`
	} `json:"memory"`
}

func (c *containerd) metrics(id string) (f figures) {
	c.Helper()
	out := c.must("task", "metrics", "--format", "json", id)
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		c.Fatalf("%v: %s", err, out)
	}
	return f
}

func metrics(t *testing.T, c *containerd) {
	id := c.detached(opts("--memory-limit", "33554432"), "sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000; true")
	pid, _ := c.task(id)
	path := suite.Cgroup(t, pid)
	if !ofProxmox(path) && !strings.Contains(path, id) {
		t.Errorf("the cgroup is %s", path)
	}
	eventually(t, "three children in the metrics", func() bool {
		return strconv.FormatUint(c.metrics(id).Pids.Current, 10) == read(t, path, "pids.current") && c.metrics(id).Pids.Current >= 4
	})
	f := c.metrics(id)
	if f.Pids.Current > 6 {
		t.Errorf("%d processes", f.Pids.Current)
	}
	if f.Memory.UsageLimit != 33554432 || f.Memory.Usage == 0 || f.Memory.Usage > 33554432 {
		t.Errorf("%+v", f.Memory)
	}
}

// gone waits until a deleted container leaves no trace on the host.
func (c *containerd) gone(id string) {
	c.Helper()
	eventually(c.T, "no trace of "+id, func() bool { return len(traces(c.T, id)) == 0 })
}

// shim returns the pid of a task's shim, which has the task's id among its arguments.
func shim(t *testing.T, id string) int {
	t.Helper()
	out, err := exec.Command("pgrep", "-f", "^[^ ]*containerd-shim-runc-v2 .*-id "+id+"( |$)").Output()
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || convErr != nil {
		t.Fatalf("the shim of %s: %q, %v", id, out, err)
	}
	return pid
}
