//go:build linux

package engines

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var criContainerTests = []test[*cri]{
	{"container: created, running, stopped in its grace period, removed", func(t *testing.T, c *cri) {
		x := c.pod(nil).create(nil, "sh", "-c", `trap "exit 6" TERM; echo ready; while :; do sleep 0.1; done`)
		if s := x.status().Status; s.State != "CONTAINER_CREATED" {
			t.Errorf("%+v", s)
		}
		x.must("start", x.id)
		x.said("ready")
		if s := x.status().Status; s.State != "CONTAINER_RUNNING" {
			t.Errorf("%+v", s)
		}
		if r := x.run("rm", x.id); r.status == 0 {
			t.Error("it was removed while it ran")
		}
		x.must("stop", "--timeout", "60", x.id)
		x.exits(6, "Error")
		if s := x.status().Status; s.FinishedAt <= s.StartedAt {
			t.Errorf("times: %+v", s)
		}
		x.must("rm", x.id)
		eventually(t, "no trace", func() bool { return len(traces(t, x.id)) == 0 })
	}},
	{"container: the grace period ends", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(nil, "sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.1; done`)
		x.said("ready")
		begin := time.Now()
		x.must("stop", "--timeout", "2", x.id)
		if d := time.Since(begin); d < 2*time.Second {
			t.Errorf("killed after %v", d)
		}
		x.exits(137, "Error")
	}},
	{"container: stopped at once", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(nil, "sh", "-c", "sleep 1000 & sleep 1000; true")
		x.must("stop", "--timeout", "0", x.id)
		x.exits(137, "Error")
	}},
	{"container: removed by force", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		x.must("rm", "--force", x.id)
		eventually(t, "no trace", func() bool { return len(traces(t, x.id)) == 0 })
	}},
	{"container: exit codes, one after another in a pod", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		p.start(nil, "true").exits(0, "Completed")
		p.start(nil, "sh", "-c", "exit 7").exits(7, "Error")
		p.start(nil, "sh", "-c", `sh -c "kill -9 \$\$"; exit $?`).exits(137, "Error")
	}},
	{"container: restarted as a new attempt", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		first := p.start(set{"metadata": set{"name": "again", "attempt": 0}}, "sh", "-c", "exit 3")
		first.exits(3, "Error")
		second := p.sleeper(set{"metadata": set{"name": "again", "attempt": 1}})
		second.must("rm", first.id)
		second.must("stop", "--timeout", "60", second.id)
		second.exits(0, "Completed")
	}},
	{"container: no such program", startFails("executable file .*not found in .PATH|no such file or directory", "nosuchprogram")},
	{"container: not executable", startFails("permission denied|not permitted", "/etc/passwd")},
	{"container: what it writes", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(nil, "sh", "-c", "echo out; echo err >&2; printf 'no newline'")
		x.exits(0, "Completed")
		var streams []string
		for line := range strings.Lines(x.rawLog()) {
			f := strings.SplitN(strings.TrimSpace(line), " ", 4)
			if _, err := time.Parse(time.RFC3339Nano, f[0]); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			streams = append(streams, strings.Join(f[1:], " "))
		}
		all := strings.Join(streams, "|")
		for _, want := range []string{"stdout F out", "stderr F err", "stdout P no newline"} {
			if !strings.Contains(all, want) {
				t.Errorf("no %q in %q", want, all)
			}
		}
		if got := x.must("logs", "--tail", "10", x.id); !strings.Contains(got, "out\n") {
			t.Errorf("crictl logs: %q", got)
		}
	}},
	{"container: its log is rotated", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(nil, "sh", "-c", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.1; done")
		x.said("line 3")
		path := filepath.Join(x.logs, x.name+".log")
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		x.must("logs", "--reopen", x.id)
		x.said("line")
	}},
	{"container: environment, directory, arguments", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(set{
			"envs":        []set{{"key": "A", "value": "b  c"}, {"key": "B", "value": "x=y"}, {"key": "EMPTY", "value": ""}},
			"working_dir": "/usr/bin",
			"args":        []string{"one", "two words"},
		}, "sh", "-c", `printf '%s|' "$A" "$B" "${EMPTY-unset}" "$PWD" "$0" "$1"`)
		x.exits(0, "Completed")
		if want := "b  c|x=y||/usr/bin|one|two words|"; x.log() != want {
			t.Errorf("%q", x.log())
		}
	}},
	{"container: the image's program, environment and volume", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(set{"image": set{"image": volumesImage}})
		x.exits(0, "Completed")
		if want := "/usr\nfrom the image\n1\n"; x.log() != want {
			t.Errorf("%q", x.log())
		}
	}},
	{"container: mounts and how they propagate", func(t *testing.T, c *cri) {
		dir := hostDir(t)
		mount(t, dir, dir, "", syscall.MS_BIND)
		mount(t, "", dir, "", syscall.MS_SHARED)
		const private, toContainer, both = 0, 1, 2
		point := func(name string, propagation int, ro bool) set {
			return set{"host_path": dir, "container_path": "/" + name, "propagation": propagation, "readonly": ro}
		}
		privileged := security(set{"privileged": true})
		p := c.pod(privileged)
		x := p.start(with(privileged, set{"mounts": []set{point("private", private, false), point("slave", toContainer, false),
			point("shared", both, false), point("ro", private, true)}}), "sh", "-c",
			`cat /ro/file; echo x 2>&1 >/ro/new | grep -o Read-only; echo y >/private/new; mount -t tmpfs inside /shared/sub; echo ready; sleep 1000`)
		x.said("ready")
		if got := x.log(); got != "of the hostRead-only\nready\n" {
			t.Errorf("%q", got)
		}
		if _, err := os.Stat(dir + "/new"); err != nil {
			t.Error(err)
		}
		mounted, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || !strings.Contains(string(mounted), dir+"/sub ") {
			t.Errorf("the container's mount is not on the host (%v)", err)
		}
		if err := os.Mkdir(dir+"/late", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("late", dir+"/late", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Unmount(dir+"/late", syscall.MNT_DETACH)
			_ = syscall.Unmount(dir+"/sub", syscall.MNT_DETACH)
		})
		r := x.exec("sh", "-c", `for d in private slave shared; do grep -c " /$d/late " /proc/self/mountinfo; done`)
		if r.stdout != "0\n1\n1" {
			t.Errorf("the host's mount in the container: %+v", r)
		}
		if err := syscall.Unmount(dir+"/sub", 0); err != nil {
			t.Error(err)
		}
		if err := syscall.Unmount(dir+"/late", 0); err != nil {
			t.Error(err)
		}
	}},
	{"container: a checkpoint is refused, and does no harm", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		if r := x.run("checkpoint", "--export", c.dir+"/checkpoint.tar", x.id); r.status == 0 {
			t.Errorf("%+v", r)
		}
		if r := x.exec("echo", "hi"); r.stdout != "hi" {
			t.Errorf("afterwards: %+v", r)
		}
	}},
}

// startFails returns a test that a container whose program cannot be started is reported as the
// kubelet expects it.
func startFails(reason string, program ...string) func(*testing.T, *cri) {
	return func(t *testing.T, c *cri) {
		x := c.pod(nil).create(nil, program...)
		r := x.run("start", x.id)
		if r.status == 0 || !matches("(?i)"+reason, r.stderr) {
			t.Errorf("no %q: %+v", reason, r)
		}
		x.exits(128, "StartError")
		if s := x.status().Status; !matches("(?i)"+reason, s.Message) {
			t.Errorf("its message: %+v", s)
		}
	}
}
