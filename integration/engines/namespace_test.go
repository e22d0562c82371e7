//go:build linux

package engines

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var namespaceTests = []test[*podman]{
	{"--pid host", sharesWithHost("pid", "--pid", "host")},
	{"--ipc host", sharesWithHost("ipc", "--ipc", "host")},
	{"--uts host", sharesWithHost("uts", "--uts", "host")},
	{"--network host", sharesWithHost("net", "--network", "host")},
	{"--cgroupns host", sharesWithHost("cgroup", "--cgroupns", "host")},
	{"--pid host: all ends with the first process", func(t *testing.T, p *podman) {
		id := p.detached("--pid", "host", image, "sh", "-c", "sleep 5432 & sleep 5432 & sleep 0.5; exit 3")
		p.exits(id, 3)
		p.must("rm", id)
		p.gone(id)
	}},
	{"--pid host: kill", func(t *testing.T, p *podman) {
		id := p.detached("--pid", "host", image, "sh", "-c", "sleep 5433 & sleep 5433; true")
		p.must("kill", id)
		p.exits(id, 137)
		p.must("rm", id)
		p.gone(id)
	}},
	{"another container's namespaces", func(t *testing.T, p *podman) {
		first := p.sleeper("--ipc", "shareable")
		from := "container:" + first
		second := p.sleeper("--pid", from, "--ipc", from, "--network", from, "--uts", from)
		for _, n := range []string{"pid", "ipc", "net", "uts"} {
			if a, b := suite.Namespace(t, p.pid(first), n), suite.Namespace(t, p.pid(second), n); a != b {
				t.Errorf("%s and %s", a, b)
			}
		}
		for _, n := range []string{"mnt", "cgroup"} {
			if a, b := suite.Namespace(t, p.pid(first), n), suite.Namespace(t, p.pid(second), n); a == b {
				t.Errorf("they share %s", a)
			}
		}
		p.must("stop", "--time", "30", second)
		p.exits(second, 0)
		if got := p.ask(first, ".State.Status"); got != "running" {
			t.Errorf("the first is %s after the end of the second", got)
		}
	}},
	{"the end of a pid namespace's first container", func(t *testing.T, p *podman) {
		first := p.sleeper()
		second := p.sleeper("--pid", "container:"+first)
		p.must("kill", first)
		p.exits(second, 137)
	}},
	{"a user namespace with mappings", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		got := p.must("run", "--rm", "--name", p.name(), "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "-v", dir+":/data",
			image, "sh", "-c", "echo $(id -u) $(id -g) $(cat /proc/self/uid_map /proc/self/gid_map); touch /data/mine /mine; stat -c '%u %g' /data/file /mine /etc/passwd; cat /proc/self/setgroups")
		if want := "0 0 0 100000 65536 0 100000 65536\n65534 65534\n0 0\n0 0\nallow"; got != want {
			t.Errorf("%q, not %q", got, want)
		}
		if st := stat(t, dir+"/mine"); st.Uid != 100000 || st.Gid != 100000 {
			t.Errorf("on the host its file belongs to %d:%d", st.Uid, st.Gid)
		}
	}},
	{"--userns auto", func(t *testing.T, p *podman) {
		got := strings.Fields(p.must("run", "--rm", "--name", p.name(), "--userns", "auto", image, "sh", "-c", "echo $(id -u) $(cat /proc/self/uid_map)"))
		if len(got) < 4 || got[0] != "0" || got[1] != "0" || number(t, got[2]) < 1000000 {
			t.Errorf("%q", got)
		}
	}},
	{"a user namespace, in the background", func(t *testing.T, p *podman) {
		id := p.sleeper("--userns", "auto", "--network", "none")
		p.logs(id, "ready")
		pid := p.pid(id)
		if a, b := suite.Namespace(t, pid, "user"), suite.Namespace(t, os.Getpid(), "user"); a == b {
			t.Error("it is the host's")
		}
		if uid := suite.Field(t, pid, "Uid"); number(t, strings.Fields(uid)[0]) < 1000000 {
			t.Errorf("uid %s on the host", uid)
		}
		p.must("stop", "--time", "30", id)
		p.exits(id, 0)
	}},
	{"idmap on a volume", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		got := p.must("run", "--rm", "--name", p.name(), "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "-v", dir+":/data:idmap",
			image, "sh", "-c", "touch /data/mine; stat -c '%u %g' /data/file")
		if got != "0 0" {
			t.Errorf("%q", got)
		}
		if st := stat(t, dir+"/mine"); st.Uid != 0 || st.Gid != 0 {
			t.Errorf("on the host its file belongs to %d:%d", st.Uid, st.Gid)
		}
	}},
	{"a pod that shares net, ipc, uts and pid", pod},
}

// sharesWithHost returns a test that one namespace is the host's and the others are not.
func sharesWithHost(namespace string, options ...string) func(*testing.T, *podman) {
	return func(t *testing.T, p *podman) {
		id := p.sleeper(options...)
		p.logs(id, "ready")
		pid := p.pid(id)
		for _, n := range []string{"cgroup", "ipc", "mnt", "net", "pid", "uts"} {
			same := suite.Namespace(t, pid, n) == suite.Namespace(t, os.Getpid(), n)
			if same != (n == namespace) {
				t.Errorf("%s: the host's is %v", n, same)
			}
		}
		p.must("stop", "--time", "30", id)
		p.exits(id, 0)
		p.must("rm", id)
		p.gone(id)
	}
}

func pod(t *testing.T, p *podman) {
	name := p.name() + "-pod"
	p.must("pod", "create", "--name", name, "--share", "net,ipc,uts,pid", "--hostname", "podhost")
	t.Cleanup(func() { p.must("pod", "rm", "--force", "--ignore", "--time", "0", name) })
	first := p.sleeper("--pod", name)
	second := p.detached("--pod", name, image, "sh", "-c", "hostname; ps; while :; do nc -l -p 8080 -e echo hello; done")
	infra := p.must("pod", "inspect", "--format", "{{.InfraContainerID}}", name)
	p.logs(second, "podhost")
	p.logs(second, "trap")
	for _, n := range []string{"net", "ipc", "uts", "pid"} {
		a, b, c := suite.Namespace(t, p.pid(infra), n), suite.Namespace(t, p.pid(first), n), suite.Namespace(t, p.pid(second), n)
		if a != b || b != c {
			t.Errorf("%s, %s and %s", a, b, c)
		}
	}
	eventually(t, "a connection inside the pod", func() bool {
		r := p.run("run", "--rm", "--pod", name, "--name", p.name(), image, "nc", "127.0.0.1", "8080")
		return r.stdout == "hello\n"
	})
	p.must("pod", "stop", "--time", "5", name)
	if got := p.ask(first, ".State.Status"); got != "exited" {
		t.Errorf("it is %s after the pod's stop", got)
	}
	p.must("pod", "start", name)
	p.logs(first, "ready")
	p.must("pod", "rm", "--force", "--time", "0", name)
	for _, id := range []string{infra, first, second} {
		p.gone(id)
	}
}

func stat(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}
