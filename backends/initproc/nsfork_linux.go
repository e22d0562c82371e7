package initproc

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// inNamespaces calls f on a thread in existing namespaces, in which the processes that f
// makes are born. They are of types that a thread can join for itself: cgroup, network, IPC
// and UTS (setns(2)). Joining a cgroup namespace changes what is seen, and not in which
// cgroup the thread is (cgroup_namespaces(7)).
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
