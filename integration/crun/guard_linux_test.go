//go:build linux && testhost

package crun

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// TestHostNamespaces checks that berth refuses what the other runtime would let a container do to
// the host, before it calls that runtime.
func TestHostNamespaces(t *testing.T) {
	// A bind mount of the namespace file has another path and is the same namespace.
	bound := suite.Dir() + "/net"
	if err := os.WriteFile(bound, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("/proc/self/ns/net", bound, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(bound, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	const file = "/proc/sys/net/ipv4/ip_default_ttl"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.WriteFile(file, before, 0) }()
	for _, runtime := range runtimes {
		for name, c := range map[string]struct {
			words string
			edits []func(*specs.Spec)
		}{
			"network": {"is not allowed in the host's network namespace", []func(*specs.Spec){suite.Share(specs.NetworkNamespace, bound), sysctl("net.ipv4.ip_default_ttl", "63")}},
			"ipc":     {"is not allowed in the host's ipc namespace", []func(*specs.Spec){suite.Share(specs.IPCNamespace, "/proc/1/ns/ipc"), sysctl("kernel.shm_rmid_forced", "1")}},
			"uts":     {"is not allowed in the host's uts namespace", []func(*specs.Spec){suite.Share(specs.UTSNamespace, "/proc/1/ns/uts"), func(s *specs.Spec) { s.Hostname = "changed" }}},
		} {
			t.Run(runtime+"/"+name, func(t *testing.T) {
				b := throughBerth(t, runtime, newRoot(t))
				b.dir = newBundle(t, "exit 0", c.edits...)
				for _, command := range [][]string{{"create", "x"}, {"run", "x"}, {"run", "--detach", "x"}} {
					if r := b.run(command...); r.Status != 1 || !strings.Contains(r.Stderr, c.words) {
						t.Errorf("%s: %+v", command, r)
					}
					b.must("delete", "--force", "x")
				}
			})
		}
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("%s was %q and is %q, %v", file, before, after, err)
	}
}

func sysctl(key, value string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: value} }
}

// TestSharedCgroup checks that berth refuses to give a second container the cgroup of another one,
// which would end with it. The other container runs, or has stopped and is not deleted yet.
func TestSharedCgroup(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			b := throughBerth(t, runtime, newRoot(t))
			b.dir = newBundle(t, "sleep 1000")
			b.must("create", "first")
			b.must("start", "first")
			refused := func() {
				t.Helper()
				r := b.run("create", "second")
				if r.Status != 1 || !strings.Contains(r.Stderr, "belongs to another container") || !strings.Contains(r.Stderr, "linux.cgroupsPath") {
					t.Errorf("a second container with the same cgroupsPath: %+v", r)
				}
				b.must("delete", "--force", "second")
			}
			refused()
			if r := b.run("state", "first"); r.Status != 0 || !strings.Contains(r.Stdout, "running") {
				t.Errorf("the first container: %+v", r)
			}
			b.must("kill", "first", "KILL")
			b.stopped("first")
			refused()
			b.must("delete", "first")
			b.must("create", "second")
			b.must("delete", "--force", "second")
			suite.Reap()
		})
	}
}
