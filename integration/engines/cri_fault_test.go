//go:build linux

package engines

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// kill kills a process.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

var criFaultTests = []test[*cri]{
	{"privileged", func(t *testing.T, c *cri) {
		privileged := security(set{"privileged": true})
		x := c.pod(privileged).start(privileged, "sh", "-c",
			showCaps+`; grep ^Seccomp: /proc/self/status; test -c /dev/fuse && echo fuse; mkdir /mnt && mount -t tmpfs x /mnt && echo mounted; touch /proc/sys/kernel/domainname && echo writable`)
		x.exits(0, "Completed")
		host := hostCaps(t)
		got := strings.Join(strings.Fields(x.log()), " ")
		if want := caps(noCaps, host, host, noCaps) + " Seccomp: 0 fuse mounted writable"; got != want {
			t.Errorf("%s\nnot %s", got, want)
		}
	}},
	{"containerd is restarted, and a container ends meanwhile", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		stays := p.sleeper(nil)
		ends := p.start(set{"mounts": []set{{"host_path": c.dir, "container_path": "/host"}}},
			"sh", "-c", "until [ -e /host/go ]; do sleep 0.1; done; exit 9")
		pid := ends.pid()
		done := criNode.alone()
		if err := succeed("systemctl", "stop", "containerd"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(c.dir+"/go", nil, 0o644); err != nil {
			t.Error(err)
		}
		eventually(t, "its process's end", func() bool { return syscall.Kill(pid, 0) != nil })
		if err := succeed("systemctl", "start", "containerd"); err != nil {
			t.Error(err)
		}
		done()
		// The exit code is lost, because this version of containerd removes such a task when it
		// starts.
		eventually(t, "its end is seen", func() bool { return ends.status().Status.State == "CONTAINER_EXITED" })
		if s := stays.status().Status; s.State != "CONTAINER_RUNNING" {
			t.Errorf("%+v", s)
		}
		if r := stays.exec("echo", "hi"); r.stdout != "hi" {
			t.Errorf("exec: %+v", r)
		}
		stays.must("stop", "--timeout", "60", stays.id)
		stays.exits(0, "Completed")
	}},
	{"the shim is killed", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		x := p.sleeper(nil)
		pid := x.pid()
		shim := number(t, suite.Field(t, pid, "PPid"))
		if comm := suite.Proc(t, shim, "comm"); comm != "containerd-shim\n" {
			t.Fatalf("the parent is %s", comm)
		}
		kill(t, shim)
		// One shim serves the whole pod.
		eventually(t, "the container's end", func() bool { return x.status().Status.State == "CONTAINER_EXITED" })
		eventually(t, "its process's end", func() bool { return syscall.Kill(pid, 0) != nil })
		c.must("rmp", "--force", p.id)
		eventually(t, "no trace", func() bool { return len(traces(t, x.id)) == 0 && len(traces(t, p.id)) == 0 })
	}},
}
