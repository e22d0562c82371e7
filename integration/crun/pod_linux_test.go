//go:build linux && testhost

package crun

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestMixedPod checks that the containers of a pod may have different backends. A member joins the
// namespaces of the pod's first container by their paths, with any backend.
func TestMixedPod(t *testing.T) {
	kinds := map[specs.LinuxNamespaceType]string{
		specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts", specs.PIDNamespace: "pid",
	}
	for _, infra := range backendNames() {
		for _, member := range backendNames() {
			t.Run(infra+" and "+member, func(t *testing.T) {
				root := newRoot(t)
				first := throughBerth(t, infra, root)
				first.dir = newBundle(t, "exec sleep 1000")
				first.must("run", "-d", "--pid-file", "pid", "infra")
				pid := pidOf(t, filepath.Join(first.dir, "pid"))

				second := throughBerth(t, member, root)
				out := filepath.Join(t.TempDir(), "out")
				second.dir = newBundle(t, "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done >/out/ns", bindOut(t, out), func(s *specs.Spec) {
					s.Hostname = ""
					for i, ns := range s.Linux.Namespaces {
						if kind := kinds[ns.Type]; kind != "" {
							s.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/%s", pid, kind)
						}
					}
				})
				second.must("create", "member")
				second.must("start", "member")
				second.stopped("member")
				want := ""
				for _, kind := range []string{"net", "ipc", "uts", "pid"} {
					want += suite.Namespace(t, pid, kind) + "\n"
				}
				if got, err := os.ReadFile(filepath.Join(out, "ns")); err != nil || string(got) != want {
					t.Errorf("the member is in %q, %v; the pod in %q", got, err, want)
				}
				second.must("delete", "member")
				first.must("kill", "infra", "KILL")
				first.stopped("infra")
				first.must("delete", "infra")
			})
		}
	}
}
