package initproc

import (
	"os"

	"github.com/berth-oci/berth/backends/osthread"
)

// inNamespaces calls f on a thread that has joined existing namespaces, so that f forks its
// processes in them. The namespaces are of types that a single thread can join: cgroup, network,
// IPC and UTS (setns(2)). Joining a cgroup namespace changes what the thread sees and not the
// cgroup that it is in (cgroup_namespaces(7)).
func inNamespaces(list []*os.File, f func() error) error {
	if len(list) == 0 {
		return f()
	}
	return osthread.Run(func() error {
		for _, ns := range list {
			if err := osthread.Join(ns, 0); err != nil {
				return err
			}
		}
		return f()
	})
}
