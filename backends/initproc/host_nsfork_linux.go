package initproc

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// inNamespaces calls f on a thread that has joined existing namespaces, so that f forks its
// processes in them. The namespaces are of types that a single thread can join: cgroup, network,
// IPC and UTS (setns(2)). Joining a cgroup namespace changes what the thread sees and not the
// cgroup that it is in (cgroup_namespaces(7)).
func inNamespaces(list []*os.File, f func() error) (err error) {
	if len(list) == 0 {
		return f()
	}
	process.OnThread(func() {
		for _, ns := range list {
			if err = unix.Setns(int(ns.Fd()), 0); err != nil {
				err = fmt.Errorf("join the namespace %s: setns: %w", ns.Name(), err)
				return
			}
		}
		err = f()
	})
	return err
}
