//go:build linux

package engines

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var criPodTests = []test[*cri]{
	{"pod: ready, stopped, removed", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		s := p.sandbox()
		if ip, err := netip.ParseAddr(s.Network.IP); err != nil || !netip.MustParsePrefix("10.88.0.0/16").Contains(ip) || s.State != "SANDBOX_READY" {
			t.Errorf("%+v", s)
		}
		pid := p.pid()
		for _, n := range []string{"ipc", "mnt", "net", "pid", "uts"} {
			if suite.Namespace(t, pid, n) == suite.Namespace(t, os.Getpid(), n) {
				t.Errorf("%s is the host's", n)
			}
		}
		c.must("stopp", p.id)
		if s := p.sandbox(); s.State != "SANDBOX_NOTREADY" {
			t.Errorf("after the stop: %+v", s)
		}
		c.must("stopp", p.id) // the kubelet stops a pod more than once
		c.must("rmp", p.id)
		if r := c.run("inspectp", p.id); r.status == 0 {
			t.Errorf("there is still %s", r.stdout)
		}
		eventually(t, "no trace", func() bool { return len(traces(t, p.id)) == 0 })
	}},
	{"pod: its containers share net, ipc and uts", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		a, b := p.sleeper(nil), p.sleeper(nil)
		pods, first, second := p.pid(), a.pid(), b.pid()
		for n, shared := range map[string]bool{"net": true, "ipc": true, "uts": true, "pid": false, "mnt": false} {
			same := suite.Namespace(t, pods, n) == suite.Namespace(t, first, n) && suite.Namespace(t, first, n) == suite.Namespace(t, second, n)
			if same != shared || !shared && suite.Namespace(t, first, n) == suite.Namespace(t, second, n) {
				t.Errorf("%s: shared is %v", n, same)
			}
		}
		if r := a.exec("hostname"); r.stdout != p.name {
			t.Errorf("hostname: %+v", r)
		}
		p.start(nil, "nc", "-ll", "-p", "8080", "-e", "echo", "shared")
		eventually(t, "a connection between containers", func() bool {
			return a.exec("nc", "-w", "2", "127.0.0.1", "8080").stdout == "shared"
		})
		if r := a.exec("ps"); strings.Count(r.stdout, "echo ready") != 1 {
			t.Errorf("its processes: %+v", r)
		}
	}},
	{"pod: a shared pid namespace", func(t *testing.T, c *cri) {
		shared := security(set{"namespace_options": set{"pid": ofPod}})
		p := c.pod(shared)
		a := p.sleeper(shared)
		b := p.start(shared, "sleep", "4711")
		r := a.exec("ps")
		for _, want := range []string{"sleep 4711", "echo ready"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("no %q among the processes: %s", want, r.stdout)
			}
		}
		if !strings.HasPrefix(suite.Namespace(t, b.pid(), "pid"), "pid:") || suite.Namespace(t, a.pid(), "pid") != suite.Namespace(t, p.pid(), "pid") {
			t.Error("the pid namespace is not the sandbox's")
		}
		if r := a.exec("sh", "-c", "for p in /proc/[0-9]*; do ! grep -q 471[1] $p/cmdline || kill -9 ${p#/proc/}; done"); r.status != 0 {
			t.Errorf("kill: %+v", r)
		}
		b.exits(137, "Error")
		a.must("stop", "--timeout", "60", a.id)
		a.exits(0, "Completed")
	}},
	{"pod: a container in another one's pid namespace", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		target := p.sleeper(nil)
		b := p.start(security(set{"namespace_options": set{"pid": ofTarget, "target_id": target.id}}), "sleep", "1000")
		if suite.Namespace(t, target.pid(), "pid") != suite.Namespace(t, b.pid(), "pid") {
			t.Error("they have two")
		}
		if r := b.exec("cat", "/proc/1/cmdline"); !strings.Contains(r.stdout, "echo ready") {
			t.Errorf("its first process: %+v", r)
		}
		target.must("stop", "--timeout", "60", target.id)
		b.exits(137, "Error")
	}},
	{"pod: host network", hostNamespace("net", "network")},
	{"pod: host pid", hostNamespace("pid", "pid")},
	{"pod: host ipc", hostNamespace("ipc", "ipc")},
	{"pod: user namespace", func(t *testing.T, c *cri) {
		ids := []set{{"host_id": 100000, "container_id": 0, "length": 65536}}
		options := security(set{"namespace_options": set{"userns_options": set{"mode": ofPod, "uids": ids, "gids": ids}}})
		p := c.pod(options)
		a := p.start(options, "sh", "-c", `cat /proc/self/uid_map; id -u; touch /x && stat -c %u:%g /x; hostname; echo done; sleep 1000`)
		a.said("done")
		if got := strings.Join(strings.Fields(a.log()), " "); got != "0 100000 65536 0 0:0 "+p.name+" done" {
			t.Errorf("%q", got)
		}
		if got := suite.Field(t, a.pid(), "Uid"); got != "100000 100000 100000 100000" {
			t.Errorf("on the host it is %s", got)
		}
		if suite.Namespace(t, a.pid(), "user") != suite.Namespace(t, p.pid(), "user") {
			t.Error("the user namespace is not the sandbox's")
		}
		if r := a.exec("id", "-u"); r.stdout != "0" {
			t.Errorf("exec: %+v", r)
		}
	}},
	{"pod: two pods reach each other", func(t *testing.T, c *cri) {
		a, b := c.pod(nil), c.pod(nil)
		b.start(nil, "nc", "-ll", "-p", "8080", "-e", "echo", "from b")
		x, ip := a.sleeper(nil), b.sandbox().Network.IP
		eventually(t, "a connection from pod to pod", func() bool {
			return x.exec("nc", "-w", "2", ip, "8080").stdout == "from b"
		})
	}},
	{"pod: a port of the host's", func(t *testing.T, c *cri) {
		port := 20000 + int(names.Add(1))
		p := c.pod(set{"port_mappings": []set{{"container_port": 8080, "host_port": port, "host_ip": gateway}}})
		p.start(nil, "nc", "-ll", "-p", "8080", "-e", "echo", "from the pod")
		eventually(t, "a connection through the host's port", func() bool {
			return dial(gateway+":"+strconv.Itoa(port)) == "from the pod\n"
		})
	}},
	{"pod: sysctls and DNS", func(t *testing.T, c *cri) {
		p := c.pod(set{
			"dns_config": set{"servers": []string{"192.0.2.1"}, "searches": []string{"svc.example"}, "options": []string{"ndots:5"}},
			"linux":      set{"sysctls": map[string]string{"net.ipv4.ip_unprivileged_port_start": "80", "net.ipv4.conf.default.rp_filter": "2"}},
		})
		x := p.start(nil, "sh", "-c", "cat /etc/resolv.conf /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/conf/default/rp_filter")
		x.exits(0, "Completed")
		if want := "search svc.example\nnameserver 192.0.2.1\noptions ndots:5\n80\n2\n"; x.log() != want {
			t.Errorf("%q", x.log())
		}
	}},
	{"pod: annotations reach config.json", func(t *testing.T, c *cri) {
		p := c.pod(set{"annotations": set{"org.example.team": "infra", "com.other": "x"}})
		x := p.start(set{"annotations": set{"org.example.role": "web"}}, "sleep", "1000")
		got := x.status().Info.RuntimeSpec.Annotations
		for key, want := range map[string]string{
			"org.example.team": "infra", "org.example.role": "web", "com.other": "",
			"io.kubernetes.cri.sandbox-name": p.name, "io.kubernetes.cri.sandbox-namespace": "berth-test",
			"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": x.name,
		} {
			if got[key] != want {
				t.Errorf("%s: %q", key, got[key])
			}
		}
	}},
	{"pod: a rule chooses the backend by its name", func(t *testing.T, c *cri) {
		c.handler = ruled
		backend := strings.TrimPrefix(c.runtime.name, "berth-")
		p := c.pod(set{"metadata": set{"name": "by-rule-" + c.runtime.name + "-0"}})
		x := p.sleeper(nil)
		for _, id := range []string{p.id, x.id} {
			data, err := os.ReadFile(filepath.Join("/run/containerd/runc", kubernetes, id, "state.json"))
			if err != nil {
				t.Fatal(err)
			}
			var record struct{ Backend string }
			if err := json.Unmarshal(data, &record); err != nil || record.Backend != backend {
				t.Errorf("the backend is %q (%v)", record.Backend, err)
			}
		}
		if r := x.exec("echo", "hi"); r.stdout != "hi" {
			t.Errorf("%+v", r)
		}
	}},
	{"pod: every container is a CT, if they are CTs", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		p.sleeper(set{"metadata": set{"name": "nginx"}})
		b := p.sleeper(nil)
		out, err := exec.Command("pct", "list").Output()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); strings.HasPrefix(f[len(f)-1], p.name) {
				got = append(got, f[1]+" "+f[len(f)-1])
			}
		}
		slices.Sort(got)
		var want []string
		if c.runtime.name == "berth-pct" {
			want = []string{"running " + p.name, "running " + p.name + "-" + b.name, "running " + p.name + "-nginx"}
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pct list has %q, not %q", got, want)
		}
	}},
	{"pod: the sandbox's process dies", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		x := p.sleeper(nil)
		kill(t, p.pid())
		eventually(t, "not ready", func() bool { return p.sandbox().State == "SANDBOX_NOTREADY" })
		if s := x.status().Status; s.State != "CONTAINER_RUNNING" {
			t.Errorf("%+v", s)
		}
		c.must("stopp", p.id)
		x.exits(137, "Error")
		c.must("rmp", p.id)
	}},
}

// hostNamespace returns a test that one namespace of a pod and its container is the host's and the
// others are not.
func hostNamespace(namespace, option string) func(*testing.T, *cri) {
	return func(t *testing.T, c *cri) {
		options := security(set{"namespace_options": set{option: ofNode}})
		podOptions := options
		if namespace == "net" {
			podOptions = with(options, set{"hostname": ""})
		}
		p := c.pod(podOptions)
		x := p.sleeper(options)
		for _, pid := range []int{p.pid(), x.pid()} {
			for _, n := range []string{"ipc", "mnt", "net", "pid"} {
				if same := suite.Namespace(t, pid, n) == suite.Namespace(t, os.Getpid(), n); same != (n == namespace) {
					t.Errorf("%s: the host's is %v", n, same)
				}
			}
		}
		if r := x.exec("cat", "/proc/sys/kernel/hostname"); r.status != 0 {
			t.Errorf("exec: %+v", r)
		}
		x.must("stop", "--timeout", "60", x.id)
		x.exits(0, "Completed")
	}
}
