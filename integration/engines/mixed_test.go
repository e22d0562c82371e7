//go:build linux

package engines

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// The tests below run pods whose first container and member have different runtimes, for each two
// of -mixed. The containers share all namespaces that a pod can share.

var sharedKinds = []string{"net", "ipc", "uts", "pid"}

// answering is a script that says hello to every client of port 9000.
const answering = "while :; do nc -l -p 9000 -e echo hello; done"

// joined is a script that prints its namespaces, one per line, and then what port 9000 of the
// loopback device answers.
var joined = "for n in " + strings.Join(sharedKinds, " ") + "; do readlink /proc/self/ns/$n; done; until nc 127.0.0.1 9000 2>/dev/null; do sleep 0.1; done"

// wantJoined returns what joined prints if it shares the namespaces of a process.
func wantJoined(t *testing.T, pid int) string {
	t.Helper()
	want := ""
	for _, kind := range sharedKinds {
		want += suite.Namespace(t, pid, kind) + "\n"
	}
	return want + "hello\n"
}

func TestMixedPods(t *testing.T) {
	for _, first := range mixed {
		for _, second := range mixed {
			if first.name == second.name {
				continue
			}
			name := fmt.Sprintf("first %s, second %s", first.name, second.name)
			for suite, run := range map[string]func(*testing.T, candidate, candidate){"podman": podmanMixed, "containerd": containerdMixed} {
				if !wanted(suite) {
					continue
				}
				t.Run(suite+" "+name, func(t *testing.T) {
					t.Cleanup(func() { results.record("mixed pod: "+name, suite, t) })
					before := look(t)
					t.Run("pod", func(t *testing.T) { run(t, first, second) })
					before.same(t)
				})
			}
		}
	}
}

// podmanMixed creates a pod with the first runtime, which its infra container then has, and runs
// the member with the second.
func podmanMixed(t *testing.T, first, second candidate) {
	p := &podman{T: t, runtime: first.path, manager: first.managers[0]}
	pod := p.name() + "-pod"
	p.must("pod", "create", "--name", pod, "--share", strings.Join(sharedKinds, ","))
	t.Cleanup(func() { p.must("pod", "rm", "--force", "--ignore", "--time", "0", pod) })
	p.detached("--pod", pod, image, "sh", "-c", answering)
	infra := p.must("pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
	member := &podman{T: t, runtime: second.path, manager: second.managers[0], names: 100}
	r := member.run("run", "--pod", pod, "--name", member.name(), image, "sh", "-c", joined)
	if want := wantJoined(t, p.pid(infra)); r.stdout != want || r.status != 0 {
		t.Errorf("the member says %q, status %d, stderr %s; want %q", r.stdout, r.status, r.stderr, want)
	}
	sleeping := member.detached("--pod", pod, image, "sleep", "1000")
	p.must("pod", "stop", "--time", "0", pod)
	if got := p.ask(sleeping, ".State.Status"); got != "exited" {
		t.Errorf("the member is %s after the pod's stop", got)
	}
}

func containerdMixed(t *testing.T, first, second candidate) {
	c := &containerd{T: t, runtime: first.path}
	infra := c.detached(nil, "sh", "-c", answering)
	pid, _ := c.task(infra)
	want := wantJoined(t, pid)
	member := &containerd{T: t, runtime: second.path, names: 100}
	options := []string{"--rm"}
	for kind, name := range map[string]string{"net": "network", "ipc": "ipc", "uts": "uts", "pid": "pid"} {
		options = append(options, "--with-ns", fmt.Sprintf("%s:/proc/%d/ns/%s", name, pid, kind))
	}
	r := member.run(append(member.runArgs(options...), ctrImage, member.name(), "sh", "-c", joined)...)
	if r.stdout != want || r.status != 0 {
		t.Errorf("the member says %q, status %d, stderr %s; want %q", r.stdout, r.status, r.stderr, want)
	}
	c.must("task", "kill", "--signal", "SIGKILL", infra)
	c.stopped(infra)
	c.deleted(infra, 137)
	c.must("container", "delete", infra)
	if suite.Namespace(t, os.Getpid(), "pid") == strings.Split(want, "\n")[3] {
		t.Error("the pod was in the host's pid namespace")
	}
}
