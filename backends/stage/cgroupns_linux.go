package stage

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// inCgroupNamespace calls f on a thread in the cgroup namespace ns, in which the
// processes that f makes are born; nil is berth's own.
func inCgroupNamespace(ns *os.File, f func() error) (err error) {
	if ns == nil {
		return f()
	}
	process.OnThread(func() {
		if err = joinCgroup(ns); err == nil {
			err = f()
		}
	})
	return err
}

// joinCgroup moves the calling thread into a cgroup namespace. That changes what
// it sees, and not in which cgroup it is (cgroup_namespaces(7)).
func joinCgroup(ns *os.File) error {
	if ns == nil {
		return nil
	}
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("join the cgroup namespace %s: setns: %w", ns.Name(), err)
	}
	return nil
}
