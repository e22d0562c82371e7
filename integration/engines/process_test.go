//go:build linux

package engines

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var processTests = []test[*podman]{
	{"inspect's pid is the first process", func(t *testing.T, p *podman) {
		id := p.detached(image, "sleep", "1122")
		pid := p.pid(id)
		// Until start it is still the runtime's process.
		eventually(t, "the user's program", func() bool { return suite.Proc(t, pid, "cmdline") == "sleep\x001122\x00" })
		if got := suite.Field(t, pid, "NSpid"); !strings.HasSuffix(got, " 1") {
			t.Errorf("it is not PID 1 of its namespace: NSpid %s", got)
		}
		if ppid := suite.Field(t, pid, "PPid"); ppid != p.ask(id, ".State.ConmonPid") {
			t.Errorf("its parent is %s (%s), not conmon, which is %s", ppid, suite.Proc(t, number(t, ppid), "comm"), p.ask(id, ".State.ConmonPid"))
		}
		if got := suite.Proc(t, pid, "comm"); got != "sleep\n" {
			t.Errorf("comm %q", got)
		}
	}},
	{"inspect's pid has the container's namespaces", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", "for n in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$n; done; sleep 1000")
		p.logs(id, "uts:")
		pid := p.pid(id)
		inside := strings.Fields(p.must("logs", id))
		for i, n := range []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"} {
			outside := suite.Namespace(t, pid, n)
			if inside[i] != outside {
				t.Errorf("%s from inside, %s by the pid", inside[i], outside)
			}
			if host := suite.Namespace(t, os.Getpid(), n); (host == outside) != (n == "user") {
				t.Errorf("%s: the host's is %s, the container's %s", n, host, outside)
			}
		}
	}},
	{"inspect's pid is in the container's cgroup", func(t *testing.T, p *podman) {
		id := p.detached("--stop-signal", "SIGUSR1", "--stop-timeout", "7", image, "sleep", "1000")
		pid := p.pid(id)
		path := suite.Cgroup(t, pid)
		if want := p.ask(id, ".State.CgroupPath"); !strings.HasPrefix(path, want) || want == "" || want == "/" {
			t.Errorf("the cgroup of %d is %s, podman's %s", pid, path, want)
		}
		if others := read(t, path, "cgroup.procs"); strings.TrimSpace(others) != strconv.Itoa(pid) {
			t.Errorf("in it are %q, want %d alone", others, pid)
		}
		conmon := suite.Cgroup(t, number(t, p.ask(id, ".State.ConmonPid")))
		if strings.HasPrefix(conmon+"/", path+"/") {
			t.Errorf("conmon is in it too: %s", conmon)
		}
		if strings.HasPrefix(path, "/machine.slice/") && p.manager == "systemd" {
			// podman passes the scope's properties to the runtime as annotations.
			unit := command{argv: []string{"systemctl", "show", "--property", "ActiveState,KillSignal,TimeoutStopUSec", "libpod-" + id + ".scope"}}.must(t)
			lines := strings.Fields(unit)
			slices.Sort(lines)
			if want := []string{"ActiveState=active", "KillSignal=10", "TimeoutStopUSec=7s"}; !slices.Equal(lines, want) {
				t.Errorf("systemd says of libpod-%s.scope: %q, want %q", id, lines, want)
			}
		}
	}},
	{"the user's uid and gid on the host", func(t *testing.T, p *podman) {
		id := p.detached("--user", "1234:4321", image, "sleep", "1000")
		pid := p.pid(id)
		eventually(t, "sleep", func() bool { return suite.Proc(t, pid, "comm") == "sleep\n" })
		if u, g := suite.Field(t, pid, "Uid"), suite.Field(t, pid, "Gid"); u != "1234 1234 1234 1234" || g != "4321 4321 4321 4321" {
			t.Errorf("uid %s, gid %s", u, g)
		}
	}},
	{"no process of the runtime's above the container's", func(t *testing.T, p *podman) {
		id := p.detached(image, "sleep", "1000")
		runtime := regexp.MustCompile(`^process \d+ (\S*/)?(berth\S*|crun) `)
		eventually(t, "no process of the runtime's", func() bool {
			return !slices.ContainsFunc(traces(t, id), runtime.MatchString)
		})
	}},
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
