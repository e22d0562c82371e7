//go:build linux

package engines

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

func resources(s set) set { return set{"linux": set{"resources": s}} }

var criLimitsTests = []test[*cri]{
	{"limits of a container, and an update of them", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(resources(set{"memory_limit_in_bytes": 67108864, "cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "oom_score_adj": 500}))
		path := suite.Cgroup(t, x.pid())
		check := func(want map[string]string) {
			t.Helper()
			for file, value := range want {
				if got := governing(t, path, file); got != value {
					t.Errorf("%s is %s, not %s", file, got, value)
				}
			}
		}
		check(map[string]string{"memory.max": "67108864", "cpu.max": "50000 100000"})
		if got := strings.TrimSpace(suite.Proc(t, x.pid(), "oom_score_adj")); got != "500" {
			t.Errorf("oom_score_adj %s", got)
		}
		before := number(t, governing(t, path, "cpu.weight"))
		x.must("update", "--memory", "100663296", "--cpu-quota", "20000", "--cpu-period", "100000", "--cpu-share", "1024", x.id)
		check(map[string]string{"memory.max": "100663296", "cpu.max": "20000 100000"})
		// Runtimes differ in how they convert shares to a weight.
		if after := number(t, governing(t, path, "cpu.weight")); after <= before {
			t.Errorf("cpu.weight %d, then %d", before, after)
		}
		if r := x.exec("echo", "hi"); r.stdout != "hi" {
			t.Errorf("afterwards: %+v", r)
		}
	}},
	{"a hog is killed, and reported as OOMKilled", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		x := p.start(resources(set{"memory_limit_in_bytes": 33554432, "memory_swap_limit_in_bytes": 33554432}), "tail", "/dev/zero")
		x.exits(137, "OOMKilled")
		if s := p.sandbox(); s.State != "SANDBOX_READY" {
			t.Errorf("the pod: %+v", s)
		}
	}},
	{"a hog among its processes is killed, and the container goes on", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(resources(set{"memory_limit_in_bytes": 33554432, "memory_swap_limit_in_bytes": 33554432}), "sh", "-c", "tail /dev/zero; echo survived; exit 3")
		eventually(t, "its end", func() bool { return x.status().Status.State == "CONTAINER_EXITED" })
		if got := strings.Contains(x.log(), "survived"); !got || x.status().Status.ExitCode != 3 {
			t.Errorf("%+v: %s", x.status().Status, x.log())
		}
	}},
	{"stats of a container and of its pod", func(t *testing.T, c *cri) {
		p := c.pod(set{"linux": set{"cgroup_parent": c.podCgroup()}})
		x := p.start(nil, "sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; n=0; while [ $n -lt 500000 ]; do n=$((n+1)); done; echo ready; sleep 1000")
		x.said("ready")
		type value struct{ Value string }
		type usage struct {
			CPU struct {
				UsageCoreNanoSeconds value `json:"usageCoreNanoSeconds"`
			}
			Memory struct {
				WorkingSetBytes value `json:"workingSetBytes"`
			}
		}
		atLeast := func(v value, least uint64) bool {
			n, _ := strconv.ParseUint(v.Value, 10, 64)
			return n >= least
		}
		eventually(t, "20 MB and 100 ms of the container's", func() bool {
			var s struct{ Stats []usage }
			x.ask(&s, "stats", "--output", "json", "--id", x.id)
			return len(s.Stats) == 1 && atLeast(s.Stats[0].Memory.WorkingSetBytes, 20<<20) && atLeast(s.Stats[0].CPU.UsageCoreNanoSeconds, 1e8)
		})
		eventually(t, "a network of the pod's", func() bool {
			var s struct {
				Stats []struct {
					Linux struct {
						Network struct {
							DefaultInterface struct {
								Name    string
								RxBytes value `json:"rxBytes"`
							} `json:"defaultInterface"`
						}
					}
				}
			}
			p.ask(&s, "statsp", "--output", "json", "--id", p.id)
			return len(s.Stats) == 1 && s.Stats[0].Linux.Network.DefaultInterface.Name == "eth0"
		})
	}},
	{"the pod's cgroup", func(t *testing.T, c *cri) {
		parent := c.podCgroup()
		p := c.pod(set{"linux": set{"cgroup_parent": parent}})
		x := p.sleeper(nil)
		for _, pid := range []int{p.pid(), x.pid()} {
			if path := suite.Cgroup(t, pid); !ofProxmox(path) && !strings.HasPrefix(path, parent+"/") {
				t.Errorf("its cgroup is %s", path)
			}
		}
	}},
	{"AppArmor: containerd's profile, unconfined", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		const show = "cat /proc/self/attr/apparmor/current"
		x := p.start(nil, "sh", "-c", show)
		x.exits(0, "Completed")
		if got := strings.TrimSpace(x.log()); got != "cri-containerd.apparmor.d (enforce)" {
			t.Errorf("%q", got)
		}
		y := p.start(security(set{"apparmor": set{"profile_type": unconfined}}), "sh", "-c", show)
		y.exits(0, "Completed")
		if got := strings.TrimSpace(y.log()); !strings.Contains(got, "unconfined") && !strings.Contains(got, "crun") {
			t.Errorf("%q", got)
		}
	}},
}

// podCgroup creates a pod's cgroup as the kubelet does, and returns its path. The cgroup is removed
// when the test ends.
func (c *cri) podCgroup() string {
	c.Helper()
	parent := "/berth-test-pod" + strconv.FormatInt(names.Add(1), 10)
	if err := os.Mkdir(filepath.Join(cgroups, parent), 0o755); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		eventually(c.T, "the pod's cgroup is empty", func() bool {
			err := os.Remove(filepath.Join(cgroups, parent))
			return err == nil || errors.Is(err, fs.ErrNotExist)
		})
	})
	return parent
}
